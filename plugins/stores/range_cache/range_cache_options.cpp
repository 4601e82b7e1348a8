#include "plugins/stores/range_cache/range_cache_options.hpp"

namespace kiln {

schema<range_cache_options> range_cache_schema() {
  using namespace config_literals;
  using namespace std::chrono_literals;
  using o = range_cache_options;
  return schema<o>{
      "Serves parts of large blobs out of chunks, which are fetched once for all who ask and kept in memory "
      "for "
      "a while. Place it before a store that is far away, where many read parts of the same large blobs. "
      "Whole "
      "blobs and small ones pass it by."}
      .store("inner", &o::inner, "Where the blobs are.")
      .field("chunk_size", &o::chunk_size, "What is fetched at once.", at_least(64_KiB), at_most(256_MiB))
      .field("min_size", &o::min_size, "Parts of smaller blobs are read as they are asked for.",
             at_least(1_B))
      .field("memory", &o::memory,
             "Room for chunks; the one used least recently goes first. While all of it is being filled, "
             "readers are passed on to the store below.")
      .field("stall_timeout", &o::stall_timeout, "A fetch that brings no byte for so long is given up.",
             at_least(1ms))
      .field("fetch_timeout", &o::fetch_timeout, "A fetch that takes longer for its chunk is given up.",
             at_least(1ms))
      .field("touch_every", &o::touch_every,
             "Who reads out of chunks says so to the store below at most this often for each blob, and hears "
             "whether "
             "it is still there. Well below the time in which that store forgets what nobody uses.")
      .field("max_age", &o::max_age, "A chunk older than this is fetched again.", at_least(1ms))
      .check([](const o& options) -> expected<void> {
        if (options.memory.bytes >= 2 * options.chunk_size.bytes) return {};
        return fail(errc::invalid_argument,
                    "memory is {} and has to be twice the chunk_size at least, {}: a reader needs the chunk "
                    "that it reads and the next one",
                    to_string(options.memory), to_string(byte_size{2 * options.chunk_size.bytes}));
      });
}

expected<store_promises> range_cache_promises(const range_cache_options& options, const promises_of& of) {
  return of(options.inner);
}

}  // namespace kiln
