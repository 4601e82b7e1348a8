#include "actors/services/chunking/chunking.hpp"

#include <limits>

namespace kiln {

using namespace config_literals;

schema<chunking_options> chunking_schema() {
  return schema<chunking_options>{"Blobs in chunks: SplitBlob and SpliceBlob, with FastCDC 2020."}
      .field(
          "average_chunk_size", &chunking_options::average_chunk_size,
          "A power of two. No chunk is larger than four times this, and only a blob's last one smaller than "
          "a quarter. Changing it makes all blobs be cut anew.",
          at_least(byte_size{fast_cdc_parameters::least_average}),
          at_most(byte_size{fast_cdc_parameters::largest_average}))
      .field("seed", &chunking_options::seed,
             "Where to cut depends on it, so only servers and clients with the same one share chunks.",
             at_most(std::numeric_limits<std::uint32_t>::max()))
      .field("max_chunks", &chunking_options::max_chunks, "Chunks of one splice.", at_least(std::size_t{1}),
             at_most(std::size_t{1'000'000}))
      .field(
          "max_running", &chunking_options::max_running,
          "Blobs being split at once, and as many being spliced; each may hold some 10 MiB. One client has "
          "at most half of them, and a few more wait.",
          at_least(std::size_t{1}))
      .field("threads", &chunking_options::threads,
             "Threads that cut and hash; half of the machine's cores if not given.", at_least(std::size_t{1}),
             at_most(std::size_t{256}))
      .check([](const chunking_options& options) { return kiln::check(options.parameters()); });
}

}  // namespace kiln
