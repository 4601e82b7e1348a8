#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/disk.hpp"

namespace kiln {

/// A kind of namespace, and whether the kernel lets this process make one.
struct namespace_trial {
  std::string_view name;   ///< "mount"
  std::string_view gives;  ///< what an action has by it
  int refused = 0;         ///< an errno; 0: it can be had
};

/// What decides on this machine whether a sandbox can be made, as far as the kernel tells it.
struct machine_facts {
  bool root = false;
  bool administers = false;  ///< it has CAP_SYS_ADMIN
  bool filtered = false;     ///< by seccomp, as a container's processes are
  bool container = false;    ///< it says that it is one
  std::string kernel;        ///< its release
  /// Settings; none: this kernel does not have them.
  std::optional<std::uint64_t> unprivileged_user_namespaces;  ///< kernel.unprivileged_userns_clone
  std::optional<std::uint64_t> restricted_by_apparmor;  ///< kernel.apparmor_restrict_unprivileged_userns
  std::optional<std::uint64_t> most_user_namespaces;    ///< user.max_user_namespaces
  std::vector<namespace_trial> namespaces;              ///< those that a sandbox is made of
};

/// Asks the kernel. Starts a process for each namespace, which ends at once. Blocks shortly.
machine_facts look_at_machine(disk& on);

/// "ext4", by the number that statfs tells; "0x..." for one that is not known here.
std::string name_of_file_system(std::uint64_t number);

}  // namespace kiln
