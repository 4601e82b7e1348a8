#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/disk.hpp"

/// The cgroups that this process is in, version 1 and 2, as far as they can be seen: a container sees its own
/// as the topmost. What is read of /proc and /sys is looked for below `root`, an absolute path or nothing.
namespace kiln {

enum class cgroup_version : std::uint8_t { one, two };

/// The process's own group in one hierarchy, as that is mounted.
struct own_cgroup {
  cgroup_version version = cgroup_version::one;
  std::vector<std::string> controllers;  ///< that the hierarchy has; of version 2 its files tell
  std::string mount;                     ///< where it is mounted
  std::optional<std::string> below;      ///< the own group from there; nothing if the mount does not show it
};

/// Out of /proc/PID/cgroup and /proc/PID/mountinfo (proc(5), cgroups(7)), for each mount that there is.
std::vector<own_cgroup> find_own_cgroups(std::string_view groups, std::string_view mounts);

/// Calls `each` with the folder (without `root`) of the process's own cgroup and of every one above it, in
/// each hierarchy that may limit what `controller` ("memory", "cpu") counts: a limit holds for all below it,
/// so any of them may be the one that is met first.
void each_own_cgroup(disk& on, const std::string& root, std::string_view controller,
                     const std::function<void(const std::string& folder, cgroup_version)>& each);

/// What stands in a file of the system's, as far as it is text of a usual size; nothing if there is none.
std::optional<std::string> system_text(disk& on, const std::string& path);

}  // namespace kiln
