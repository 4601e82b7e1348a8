#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kiln {

/// What `target`, an absolute path within `root`, is from the folder that the link at `path` lies in; `path`
/// is relative to `root`. Nothing if it leads elsewhere, or if `root` is empty, which is not known then.
///
/// By the words alone: links on the way are not followed, for the client makes folders of what the paths of
/// its outputs go through.
std::optional<std::string> relative_target(std::string_view root, std::string_view path,
                                           std::string_view target);

}  // namespace kiln
