#pragma once

#include <string>

namespace kiln {

/// Where the process finds its own things. Asked once, at the start.

/// The folder of the running binary, links resolved.
std::string binary_folder();
/// Where this build's plugins lie: beside the binary in a build tree, under lib in an installation.
/// KILN_PLUGINS in the environment comes first.
std::string plugin_folder();
/// $XDG_CACHE_HOME/kiln or ~/.cache/kiln; /var/cache/kiln for a process without a home.
std::string user_cache_folder();

}  // namespace kiln
