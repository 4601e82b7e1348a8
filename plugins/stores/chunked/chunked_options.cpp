#include "plugins/stores/chunked/chunked_options.hpp"

#include "core/digest/chunker.hpp"

namespace kiln {

using namespace config_literals;

schema<chunked_options> chunked_schema() {
  return schema<chunked_options>{
      "Keeps large blobs that clients splice or have split (SpliceBlob, SplitBlob) as lists of their chunks "
      "(FastCDC 2020), so that what blobs have in common is stored once: the deduplicating store, elsewhere "
      "called dedup."}
      .store("inner", &chunked_options::inner, "Where chunks are, and blobs that are whole.")
      .store("layouts", &chunked_options::layouts,
             "Which chunks a blob is made of: some 80 bytes for each. May be the store of action results.")
      .field("min_size", &chunked_options::min_size,
             "Smaller blobs are always whole, and asking for them costs nothing more.", at_least(1_B))
      .field(
          "read_ahead_memory", &chunked_options::read_ahead_memory,
          "Room for chunks that come before their reader wants them: of each reader ten chunks at most, and "
          "8 MiB. Without room, one chunk is read after the other.",
          at_least(8_MiB))
      .field(
          "cut_to", &chunked_options::cut_to,
          "What comes whole is cut, too, into chunks of this size on average, a power of two: that of the "
          "chunking that is served, or clients are told of chunks that they do not find. Off, it stays whole "
          "until somebody has it split.",
          at_least(byte_size{fast_cdc_parameters::least_average}),
          at_most(byte_size{fast_cdc_parameters::largest_average}), or_word("off"))
      .field("cuts_at_once", &chunked_options::cuts_at_once,
             "Blobs that are cut as they come, each of which may hold some 10 MiB. More stay whole.",
             at_least(std::size_t{1}), at_most(std::size_t{1024}))
      .field("index_memory", &chunked_options::index_memory,
             "Memory for what composed blobs are made of, some 200 bytes a chunk, for those who keep an "
             "index of "
             "this store: of a blob for which there is no room they hear that it left, and ask again.")
      .check([](const chunked_options& options) -> expected<void> {
        return options.cut_to ? check(fast_cdc_parameters{options.cut_to->bytes}) : expected<void>();
      });
}

expected<store_promises> chunked_promises(const chunked_options& options, const promises_of& of) {
  if (!of(options.layouts).keeps)
    return fail(errc::invalid_argument,
                "the layouts would lie in {}, which keeps nothing: no blob in chunks would be found again",
                options.layouts.name);
  auto all = promised_together({of(options.inner), of(options.layouts)});
  all.keeps = of(options.inner).keeps;
  all.lies_in = of(options.inner).lies_in;
  all.noted_in = of(options.layouts).lies_in;
  all.lends_files = of(options.inner).lends_files;
  all.leases = of(options.inner).leases;
  return all;
}

}  // namespace kiln
