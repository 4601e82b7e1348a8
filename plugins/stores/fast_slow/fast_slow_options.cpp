#include "plugins/stores/fast_slow/fast_slow_options.hpp"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using namespace config_literals;

const std::vector<std::pair<std::string, fill_direction>> directions = {
    {"both", fill_direction::both},
    {"get", fill_direction::get},
    {"put", fill_direction::put},
    {"read_only", fill_direction::read_only}};

expected<void> check_directions(const fast_slow_options& options) {
  if (options.fast == options.slow)
    return fail(errc::invalid_argument, "fast and slow are the same store, {}", options.slow.name);
  if (options.bypass_above && !options.slow_is_written())
    return fail(errc::invalid_argument,
                "bypass_above has large blobs written to the slow store alone, and slow_direction says that "
                "nothing is");
  if (options.early_ack && !(options.slow_is_written() && options.fast_filled_by_writes()))
    return fail(errc::invalid_argument,
                "early_ack needs writes to fill both stores (directions both or put)");
  return {};
}

}  // namespace

schema<fast_slow_options> fast_slow_schema() {
  return schema<fast_slow_options>{
      "A fast store before a slow one, which is the truth: what is written goes to both, what is read comes "
      "from the fast one, and what it lacks is read from the slow one, once for all who ask, and fills the "
      "fast one. Place it over a store that is far away or large and slow; action results come from the fast "
      "one only where nobody else writes to the slow one and a restart empties the fast one."}
      .store("fast", &fast_slow_options::fast, "What is read first. It may lose anything at any time.")
      .store("slow", &fast_slow_options::slow,
             "What has a blob, or has not. One that keeps nothing (noop) makes the fast store the truth.")
      .choice("fast_direction", &fast_slow_options::fast_direction, directions,
              "What fills the fast store: both writes and reads; get: only reads that did not find their "
              "blob in it; put: only writes; read_only: nothing, somebody else does.")
      .choice("slow_direction", &fast_slow_options::slow_direction, directions,
              "What fills the slow store: writes, if both or put; with get or read_only nothing does, what "
              "is written is in the fast store alone, and a blob in either is there.")
      .field("bypass_above", &fast_slow_options::bypass_above,
             "Larger blobs are written to and read from the slow store alone.", or_word("off"))
      .field("fill_ranges_up_to", &fast_slow_options::fill_ranges_up_to,
             "A part of a blob that the fast store lacks is read from the slow one; the whole blob fills the "
             "fast one beside that if it is not larger than this.")
      .field("fills", &fast_slow_options::fills,
             "Blobs that fill the fast store at once; further ones are read from the slow store alone.",
             at_least(std::size_t{1}), at_most(std::size_t{65536}))
      .field("window", &fast_slow_options::window,
             "Of a blob that fills the fast store, the bytes kept for those who read it meanwhile. Who falls "
             "further behind reads the rest by itself.",
             at_least(1_MiB))
      .field("fill_memory", &fast_slow_options::fill_memory,
             "All windows together, and small blobs on their way into the fast store.", at_least(1_MiB))
      .field("join_timeout", &fast_slow_options::join_timeout,
             "Who waits longer for bytes that another one reads from the slow store reads them by itself.",
             at_least<duration>(10ms))
      .field("stall_timeout", &fast_slow_options::stall_timeout,
             "A filling that brings no byte for so long is given up.", at_least<duration>(1s))
      .field("fast_timeout", &fast_slow_options::fast_timeout,
             "A write, or a filling, goes on without a fast store that holds it up longer than this.",
             at_least<duration>(10ms))
      .field("threads", &fast_slow_options::threads,
             "Threads that hash what goes into the fast store; half of the machine's cores if not given.",
             at_least(std::size_t{1}), at_most(std::size_t{256}))
      .field("early_ack", &fast_slow_options::early_ack,
             "Acknowledge content when the fast store has it, which has to be durable and to lease, and "
             "write it to the "
             "slow one after that. What a crash catches between the two counts as missing until it is "
             "written again.")
      .field("early_ack_bytes", &fast_slow_options::early_ack_bytes,
             "What may be acknowledged and not yet be in the slow store. Beyond that, writes wait for it.",
             at_least(1_MiB))
      .check(check_directions);
}

expected<store_promises> fast_slow_promises(const fast_slow_options& options, const promises_of& of) {
  const store_promises fast = of(options.fast), slow = of(options.slow);
  if (auto apart = check_apart(options.fast.name, fast, options.slow.name, slow); !apart)
    return failure(apart.error());
  if (!slow.keeps) {
    if (!options.fast_filled_by_writes())
      return fail(errc::invalid_argument,
                  "nothing would be kept: the slow store keeps nothing, and no write fills the fast one");
    return fast;
  }
  if (options.early_ack && !(fast.durable && fast.leases))
    return fail(errc::invalid_argument, "early_ack acknowledges what only the fast store has, and {} {}",
                options.fast.name, fast.durable ? "cannot lease it" : "is not durable");
  store_promises all = slow;
  all.lends_files = fast.lends_files || slow.lends_files;
  all.lies_in.insert(fast.lies_in.begin(), fast.lies_in.end());
  if (options.early_ack) all.durable = false;  // after a crash it may be missing, though it can be read
  if (options.slow_is_written()) return all;
  all.durable = fast.durable;
  all.leases = fast.leases && slow.leases;
  all.tells_news = false;  // what leaves one of them may be in the other
  return all;
}

}  // namespace kiln
