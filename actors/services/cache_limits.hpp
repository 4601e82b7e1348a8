#pragma once

#include <optional>

#include "core/config/schema.hpp"
#include "core/config/units.hpp"

namespace kiln {

/// What clients may ask of the cache, announced by capabilities and held by the services.
struct cache_limits {
  /// The sum of the blobs in one batch. The answer must fit into the 4 MiB that a client takes by default,
  /// with some 80 bytes beside each blob; hence the margin.
  byte_size max_batch_total_size{7 << 19};
  /// Of one blob; none for no limit.
  std::optional<byte_size> max_blob_size;

  bool too_large(std::int64_t size) const noexcept {
    return max_blob_size && static_cast<std::uint64_t>(size) > max_blob_size->bytes;
  }
};

schema<cache_limits> cache_limits_schema();

}  // namespace kiln
