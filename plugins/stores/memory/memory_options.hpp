#pragma once

#include "core/config/schema.hpp"
#include "core/config/units.hpp"

namespace kiln {

struct memory_options {
  kiln::capacity capacity;
  byte_size uploads;
  byte_size max_result_size;
};

schema<memory_options> memory_schema();

}  // namespace kiln
