#pragma once

#include <optional>

#include "core/config/schema.hpp"
#include "core/plugin/promises.hpp"

namespace kiln {

struct chunked_options {
  store_ref inner;
  results_ref layouts;
  byte_size min_size = 1_MiB;
  byte_size read_ahead_memory = 256_MiB;
  std::optional<byte_size> cut_to;
  std::size_t cuts_at_once = 16;
  byte_size index_memory = 64_MiB;
};

schema<chunked_options> chunked_schema();
expected<store_promises> chunked_promises(const chunked_options& options, const promises_of& of);

}  // namespace kiln
