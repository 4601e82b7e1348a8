#pragma once

#include <optional>

#include "core/config/schema.hpp"

namespace kiln {

struct verify_options {
  store_ref inner;
  std::optional<std::size_t> threads;
};

schema<verify_options> verify_schema();

}  // namespace kiln
