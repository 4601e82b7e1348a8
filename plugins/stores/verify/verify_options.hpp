#pragma once

#include <optional>

#include "core/config/schema.hpp"
#include "core/plugin/promises.hpp"

namespace kiln {

struct verify_options {
  store_ref inner;
  std::optional<std::size_t> threads;
};

schema<verify_options> verify_schema();
expected<store_promises> verify_promises(const verify_options& options, const promises_of& of);

}  // namespace kiln
