#pragma once

#include "core/config/schema.hpp"
#include "core/plugin/promises.hpp"

namespace kiln {

struct range_cache_options {
  store_ref inner;
  byte_size chunk_size = byte_size{4 << 20};
  byte_size min_size = byte_size{4 << 20};
  byte_size memory = byte_size{256 << 20};
  duration stall_timeout = std::chrono::seconds(15);
  duration fetch_timeout = std::chrono::seconds(60);
  duration touch_every = std::chrono::seconds(30);
  duration max_age = std::chrono::minutes(10);
};

schema<range_cache_options> range_cache_schema();
expected<store_promises> range_cache_promises(const range_cache_options& options, const promises_of& of);

}  // namespace kiln
