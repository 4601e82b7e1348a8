#pragma once

#include <limits.h>

#include "actors/worker/command/launcher/furnishing.hpp"
#include "actors/worker/command/launcher/protocol.hpp"

namespace kiln::launcher {

/// Makes what a command sees as /, in the mount namespace that we are in, which is its own. `none` when all
/// is well; else the errno says why.
class root_builder {
public:
  /// `what` has to stay.
  root_builder(const furnishing& what, bool in_user_namespace);

  /// All that does not depend on the command. From then on the current folder is the root that is being made;
  /// what it shows of the machine lies at the old one as yet.
  sandbox_step furnish() const;
  /// Whether, some time after that, it shows what is there now: what lies at a path may be another by then.
  bool is_current() const;
  /// Then: puts the command's input root into it, and goes there. `root` is that, opened outside;
  /// `identities` is the user namespace by which its layers are the command's own, -1 if it needs none.
  sandbox_step finish(const command& what, int root, int identities);

private:
  bool make_scratch_folders() const;
  bool make_scratch(const char* where) const;
  bool show_system() const;
  bool make_devices() const;
  bool make_device(const char* name, unsigned major, unsigned minor) const;
  bool make_processes() const;
  bool find(int root);
  bool show_alone(int root) const;
  bool change_root() const;

  const furnishing& what_;
  const bool in_user_namespace_;
  char scratch_[96];
  char path_[PATH_MAX];
};

}  // namespace kiln::launcher
