#pragma once

#include "core/config/schema.hpp"

namespace kiln {

struct size_partitioning_options {
  byte_size threshold;
  store_ref small;
  store_ref large;
};

schema<size_partitioning_options> size_partitioning_schema();

}  // namespace kiln
