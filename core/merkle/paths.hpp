#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace kiln {

/// One entry's name in a directory: not empty, at most 255 bytes, no '/', no NUL, neither "." nor "..".
/// INVALID_ARGUMENT otherwise.
expected<void> check_entry_name(std::string_view name);

/// A path below some root: entry names joined by single slashes, none in front and none behind.
/// INVALID_ARGUMENT for anything else, the empty path too.
expected<void> check_relative_path(std::string_view path);

/// `path` as it is meant in `folder`: both relative, and "." and ".." may stand in `path` as clients write
/// them
/// ("./x", "../beside"). The result is from the root that `folder` is below; empty for the root itself. It is
/// a matter of names alone: no link is looked at. INVALID_ARGUMENT for a path that leads out of the root,
/// begins or ends with a slash, or store_role what can be no name.
expected<std::string> resolve_path(std::string_view folder, std::string_view path);

}  // namespace kiln
