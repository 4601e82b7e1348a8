#include "actors/services/cache_limits.hpp"

namespace kiln {

using namespace config_literals;

schema<cache_limits> cache_limits_schema() {
  return schema<cache_limits>("What clients may ask of the cache; they are told so.")
      .field("max_batch_total_size", &cache_limits::max_batch_total_size, 3584_KiB,
             "The sum of the blobs in one batch. An answer of that size must fit what clients take, by "
             "default 4 MiB.",
             at_least(1_KiB), at_most(64_MiB))
      .field("max_blob_size", &cache_limits::max_blob_size, std::nullopt,
             "The largest blob that is taken, or none for no limit.", or_word("none"));
}

}  // namespace kiln
