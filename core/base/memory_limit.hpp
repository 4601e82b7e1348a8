#pragma once

#include <cstdint>
#include <string>

#include "core/base/disk.hpp"

namespace kiln {

/// How much memory this process may use, and who says so.
struct memory_bound {
  std::uint64_t bytes = 0;
  std::string from;  ///< "the machine", or the file with the limit
};

/// The least of the machine's memory and the limits of the process's own cgroup and of those above it, as far
/// as they can be seen: version 1 and 2, systemd's MemoryMax and MemoryHigh, a container's. Reads /proc and
/// /sys below `root` on each call: asked at the start.
memory_bound find_memory_limit(const std::string& root = "", disk& on = system_disk());

/// Its bytes.
inline std::uint64_t memory_limit() {
  return find_memory_limit().bytes;
}

}  // namespace kiln
