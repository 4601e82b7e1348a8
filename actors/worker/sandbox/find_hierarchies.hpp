#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kiln {

/// A hierarchy of control groups, as a process sees it.
struct seen_hierarchy {
  std::string own;  ///< absolute path of the group that the process is in
  std::vector<std::string> controllers;
  bool unified = false;  ///< version 2
};

/// Out of /proc/PID/cgroup and /proc/PID/mountinfo (proc(5), cgroups(7)); what is not mounted, or not where
/// the process is, is left out.
std::vector<seen_hierarchy> find_hierarchies(std::string_view groups, std::string_view mounts);

}  // namespace kiln
