#pragma once

#include <sys/types.h>

#include "actors/worker/command/launcher/command_image.hpp"
#include "actors/worker/command/launcher/root_builder.hpp"

namespace kiln::launcher {

/// What a command sees in place of the machine: the folders of the system, and those that it is to be shown,
/// read-only; its input root at `sandbox_root`; a /tmp, /proc and /dev of its own; and by default no network.
/// It is made in two parts, for the first is the same for many commands.
class sandbox {
public:
  /// In the process that clones: in a new namespace nobody knows any more who he was. `with` has to stay.
  /// `network`: the namespace that is its network, unless it has the machine's; -1: one is made.
  sandbox(const furnishing& with, int network);

  /// The namespaces, for clone(2). Root needs none for users, since it gives a command another user, or at
  /// least none of its rights; for whoever else we are, the others are made within one.
  unsigned long namespaces() const noexcept { return namespaces_; }

  /// In a process that was cloned into them, the first of its processes: all that does not depend on the
  /// command. `none` when all is well; else the errno says why.
  sandbox_step furnish() const;
  /// Whether, some time after that, it is still what would be made now.
  bool is_current() const { return root_.is_current(); }
  /// Then: shows it the command's inputs, becomes the command's user without any privilege, and stands in its
  /// working directory.
  struct entered {
    int view = -1;            ///< a union's root, opened
    std::uint32_t index = 0;  ///< of what failed, where there are several
  };
  sandbox_step enter(const command& what, const command_descriptors& with, entered& into);

private:
  const int network_;
  const uid_t user_;
  const gid_t group_;
  const unsigned long namespaces_;
  root_builder root_;
};

}  // namespace kiln::launcher
