#pragma once

#include <span>
#include <string_view>

namespace kiln {

/// A configuration that is part of the binary.
struct profile {
  std::string_view name;  ///< "all_in_one"
  std::string_view text;  ///< YAML
};

/// Those of config/profiles, by name.
std::span<const profile> profiles() noexcept;

}  // namespace kiln
