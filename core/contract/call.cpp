#include "core/contract/call.hpp"

namespace kiln {

std::string_view call_info::value_of(std::string_view name) const noexcept {
  if (!metadata) return {};
  for (const auto& [key, value] : *metadata)
    if (key == name) return value;
  return {};
}

}  // namespace kiln
