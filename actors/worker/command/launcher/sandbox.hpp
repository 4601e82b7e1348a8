#pragma once

#include <sys/types.h>

#include "actors/worker/command/launcher/command_image.hpp"

namespace kiln::launcher {

/// What a command sees in place of the machine: the folders of the system, and those that it is to be shown,
/// read-only; its input root at `sandbox_root`; a /tmp, /proc and /dev of its own; and by default no network.
class sandbox {
public:
  /// In the process that clones: in a new namespace nobody knows any more who he was. `network`: the
  /// namespace that is its network, unless it has the machine's; -1: one is made. `identities`: the one in
  /// which layers that root has made are the command's own, where it `needs_identities`.
  sandbox(const command& what, int network, int identities);

  /// The namespaces, for clone(2). Root needs none for users, since it gives a command another user, or at
  /// least none of its rights; for whoever else we are, the others are made within one.
  unsigned long namespaces() const noexcept { return namespaces_; }
  /// In a process that was cloned into them, the first of its processes: makes all of it, becomes the
  /// command's user without any privilege, and stands in its working directory. `root` is the input root,
  /// opened outside. `none` when all is well; else the errno says why.
  struct entered {
    int view = -1;            ///< a union's root, opened
    std::uint32_t index = 0;  ///< of what failed, where there are several
  };
  sandbox_step enter(int root, entered& into) const;

private:
  bool prepare_folders(std::uint32_t& index) const;

  const command& what_;
  const int network_;
  const int identities_;
  const uid_t user_;
  const gid_t group_;
  unsigned long namespaces_;
};

}  // namespace kiln::launcher
