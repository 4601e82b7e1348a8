#pragma once

#include "core/config/schema.hpp"

namespace kiln {

struct chunked_options {
  store_ref inner;
  results_ref layouts;
  byte_size min_size = 1_MiB;
};

schema<chunked_options> chunked_schema();

}  // namespace kiln
