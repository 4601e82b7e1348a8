#pragma once

#include <optional>
#include <vector>

#include "core/config/schema.hpp"
#include "core/config/units.hpp"
#include "core/digest/digest.hpp"

namespace kiln {

/// Every function but those for which collisions can be made.
std::vector<digest_function> strong_digest_functions();

/// What clients may ask of the cache, announced by capabilities and held by the services.
struct cache_limits {
  /// The sum of the blobs in one batch. The answer must fit into the 4 MiB that a client takes by default,
  /// with some 80 bytes beside each blob; hence the margin.
  byte_size max_batch_total_size = 3584_KiB;
  /// Of one blob; none for no limit.
  std::optional<byte_size> max_blob_size;

  /// Those whose collisions cannot be made, unless told otherwise.
  std::vector<digest_function> digest_functions = strong_digest_functions();

  /// That reading of what requests name may take, all together.
  byte_size max_parsing_memory = 256_MiB;

  /// INVALID_ARGUMENT for a digest of a function that is not announced.
  expected<void> check_function(digest_function function) const;
  bool too_large(std::int64_t size) const noexcept {
    return max_blob_size && static_cast<std::uint64_t>(size) > max_blob_size->bytes;
  }
};

schema<cache_limits> cache_limits_schema();

}  // namespace kiln
