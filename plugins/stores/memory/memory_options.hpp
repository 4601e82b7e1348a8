#pragma once

#include "core/cache/eviction_limits.hpp"
#include "core/config/schema.hpp"
#include "core/config/units.hpp"
#include "core/plugin/promises.hpp"

namespace kiln {

struct memory_options {
  kiln::capacity capacity;
  byte_size uploads = 1_GiB;
  byte_size max_result_size = 16_MiB;
  eviction_policy policy = eviction_limits{}.policy;
};

schema<memory_options> memory_schema();
expected<store_promises> memory_promises(const memory_options& options, const promises_of& of);

}  // namespace kiln
