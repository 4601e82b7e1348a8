#pragma once

#include "actors/worker/command/launcher/command_image.hpp"

namespace kiln::launcher {

/// Mounts at `where`, a folder, the union (overlayfs) of a command's own folder and the layers below it. The
/// command may change all of it, and owns it: what it changes is written to its own folder, and the layers
/// are never written to. `folder` is its own, opened outside, which lies at `path` beside `work`.
/// `identities`: no_identities where it is of the user who made the layers, or a user namespace that makes
/// them its own. `in_user_namespace`: whether we are root only in one of those. False with an errno.
bool mount_union(const command& what, int folder, const char* path, int identities, bool in_user_namespace,
                 const char* where);

}  // namespace kiln::launcher
