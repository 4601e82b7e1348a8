#include "plugins/stores/compression/compression_store_options.hpp"

#include "core/compress/zstd.hpp"

namespace kiln {

schema<compression_store_options> compression_store_schema() {
  return schema<compression_store_options>{
      "Keeps blobs as zstd where that makes them smaller, in frames of 1 MiB, so that a part is read without "
      "the "
      "rest. A client that reads a blob as zstd gets it as it lies, without a second encoding. What does not "
      "shrink lies as it is."}
      .store("inner", &compression_store_options::inner,
             "Where blobs are, those that are compressed under the digests of what they are compressed to.")
      .store(
          "index", &compression_store_options::index,
          "What each compressed blob was compressed to: some 100 bytes for each. May be the store of action "
          "results.")
      .field("level", &compression_store_options::level,
             "The level of zstd. Higher ones are slower, and little smaller.", at_least(1),
             at_most(zstd_encoder::highest_level))
      .field("min_size", &compression_store_options::min_size,
             "Smaller blobs are always as they are, and asking for them costs nothing more.", at_least(1_B))
      .field("min_saving", &compression_store_options::min_saving,
             "A blob whose first MiB does not shrink by so many percent lies as it is.", at_least(1),
             at_most(99))
      .field("memory", &compression_store_options::memory,
             "What uploads together hold of compressed bytes. Each holds up to 16 MiB, and where there is no "
             "room for that, 4 MiB: the blob is then kept in more pieces.",
             at_least(16_MiB))
      .field("threads", &compression_store_options::threads,
             "Threads that compress, decompress and hash; half of the machine's cores if not given.",
             at_least(std::size_t{1}), at_most(std::size_t{256}));
}

expected<store_promises> compression_store_promises(const compression_store_options& options,
                                                    const promises_of& of) {
  if (!of(options.index).keeps)
    return fail(errc::invalid_argument,
                "the index would lie in {}, which keeps nothing: no blob would be found again",
                options.index.name);
  auto all = promised_together({of(options.inner), of(options.index)});
  all.keeps = of(options.inner).keeps;
  all.lies_in = of(options.inner).lies_in;
  all.noted_in = of(options.index).lies_in;
  all.lends_files = of(options.inner).lends_files;
  all.tells_news = false;  // of a compressed blob that leaves, the inner store knows another name only
  return all;
}

}  // namespace kiln
