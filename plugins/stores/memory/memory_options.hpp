#pragma once

#include "core/config/schema.hpp"
#include "core/config/units.hpp"

namespace kiln {

struct memory_options {
  kiln::capacity capacity;
  byte_size uploads = 1_GiB;
  byte_size max_result_size = 16_MiB;
};

schema<memory_options> memory_schema();

}  // namespace kiln
