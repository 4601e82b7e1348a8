#pragma once

#include <string_view>

#include "core/base/error.hpp"

namespace kiln {

/// One entry's name in a directory: not empty, at most 255 bytes, no '/', no NUL, neither "." nor "..".
/// INVALID_ARGUMENT otherwise.
expected<void> check_entry_name(std::string_view name);

/// A path below some root: entry names joined by single slashes, none in front and none behind.
/// INVALID_ARGUMENT for anything else, the empty path too.
expected<void> check_relative_path(std::string_view path);

}  // namespace kiln
