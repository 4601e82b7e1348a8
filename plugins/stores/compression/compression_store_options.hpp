#pragma once

#include <cstddef>
#include <optional>

#include "core/config/schema.hpp"
#include "core/plugin/promises.hpp"

namespace kiln {

struct compression_store_options {
  store_ref inner;
  results_ref index;
  int level = 1;
  byte_size min_size = 16_KiB;
  int min_saving = 10;
  byte_size memory = 256_MiB;
  std::optional<std::size_t> threads;
};

schema<compression_store_options> compression_store_schema();
expected<store_promises> compression_store_promises(const compression_store_options& options,
                                                    const promises_of& of);

}  // namespace kiln
