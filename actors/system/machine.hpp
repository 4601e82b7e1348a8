#pragma once

#include <cstdint>
#include <string>

namespace kiln {

/// What the process finds of the machine it runs on. Asked once, at the start.

/// The folder of the running binary, links resolved.
std::string binary_folder();
/// Where this build's plugins lie: beside the binary in a build tree, under lib in an installation.
/// KILN_PLUGINS in the environment comes first.
std::string plugin_folder();
/// $XDG_CACHE_HOME/kiln or ~/.cache/kiln; /var/cache/kiln for a process without a home.
std::string user_cache_folder();
/// Bytes of memory that this process may use: the cgroup's limit if it has one, else the machine's memory.
std::uint64_t memory_limit();
/// Processors this process may run on, at least 1.
unsigned processors();

}  // namespace kiln
