#pragma once

#include "core/config/schema.hpp"
#include "core/plugin/promises.hpp"

namespace kiln {

struct size_partitioning_options {
  byte_size threshold;
  store_ref small;
  store_ref large;
};

schema<size_partitioning_options> size_partitioning_schema();
expected<store_promises> size_partitioning_promises(const size_partitioning_options& options,
                                                    const promises_of& of);

}  // namespace kiln
