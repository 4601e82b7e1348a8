#pragma once

#include <string_view>

namespace kiln {

/// What a name in a configuration is made of: letters, digits, _ and -, and at least one of them. Fit for any
/// message as it is.
bool is_name(std::string_view text) noexcept;

}  // namespace kiln
