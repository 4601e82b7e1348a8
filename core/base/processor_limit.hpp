#pragma once

#include <string>

#include "core/base/disk.hpp"
#include "core/base/machine.hpp"

namespace kiln {

/// How many processors this process may use at once, at least 1, and who says so.
struct processor_bound {
  unsigned count = 1;
  std::string from;  ///< "the machine", or the file with the limit
};

/// The least of those it may run on and what the quotas of its own cgroup and of those above it come to,
/// version 1 and 2: systemd's CPUQuota, a container's --cpus. A part of one counts for nothing. Reads /proc
/// and /sys below `root` on each call: asked at the start.
processor_bound find_processor_limit(disk& on = system_disk(), const std::string& root = "",
                                     unsigned of_machine = processors());

}  // namespace kiln
