#pragma once

#include <cstdint>

#include "core/config/schema.hpp"
#include "core/plugin/promises.hpp"

namespace kiln {

struct existence_cache_options {
  store_ref inner;
  std::uint64_t max_entries = 1'000'000;
  duration max_age = std::chrono::minutes(10);
  duration touch_every = std::chrono::seconds(30);
};

schema<existence_cache_options> existence_cache_schema();
/// Those of the store below. INVALID_ARGUMENT unless that tells news: what is known of a blob must not
/// outlive it.
expected<store_promises> existence_cache_promises(const existence_cache_options& options,
                                                  const promises_of& of);

}  // namespace kiln
