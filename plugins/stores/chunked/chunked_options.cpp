#include "plugins/stores/chunked/chunked_options.hpp"

namespace kiln {

using namespace config_literals;

schema<chunked_options> chunked_schema() {
  return schema<chunked_options>{
      "Keeps large blobs that clients splice or have split (SpliceBlob, SplitBlob) as lists of their chunks, "
      "so "
      "that what blobs have in common is stored once. What comes whole stays whole."}
      .store("inner", &chunked_options::inner, "Where chunks are, and blobs that are whole.")
      .store("layouts", &chunked_options::layouts,
             "Which chunks a blob is made of: some 80 bytes for each. May be the store of action results.")
      .field("min_size", &chunked_options::min_size,
             "Smaller blobs are always whole, and asking for them costs nothing more.", at_least(1_B))
      .field("index_memory", &chunked_options::index_memory,
             "Memory for what composed blobs are made of, some 200 bytes a chunk, for those who keep an "
             "index of "
             "this store: of a blob for which there is no room they hear that it left, and ask again.");
}

expected<store_promises> chunked_promises(const chunked_options& options, const promises_of& of) {
  auto all = promised_together({of(options.inner), of(options.layouts)});
  all.lends_files = of(options.inner).lends_files;
  all.leases = of(options.inner).leases;
  return all;
}

}  // namespace kiln
