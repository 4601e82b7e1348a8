#pragma once

#include <string>

#include "actors/worker/folders/files.hpp"

namespace kiln {

/// A folder for an action on the disk, and what is open of it. The root and the streams belong to the
/// action's user, who alone may enter the root; what they lie in is Kiln's.
struct action_place {
  std::string name;
  user_number user = same_user;
  descriptor home;
  descriptor root;  ///< what the action sees as its input root
  descriptor out;   ///< beside it, open for reading and appending
  descriptor err;
  descriptor work;  ///< beside it as well, once it is the top of a union: the kernel's own
};

/// Blocks.
expected<action_place> make_action_place(disk& on, const descriptor& in, std::string name, user_number user);

/// Blocks. From now on the root can be the top of a union.
expected<void> prepare_for_union(disk& on, action_place& place);

/// Blocks. Empties a place whose action has ended well, so that it is as it was made: making four inodes anew
/// for each action costs more than many a command does. False if that can't be, since the action has touched
/// more than the content of its root and of its streams, or has left a lot: then the place is to be removed.
/// The streams are opened anew: what an action was given open it may have set to write elsewhere, or in
/// another way. A root that was the top of a union is made anew: the kernel has written on it what it was
/// above.
bool empty_action_place(disk& on, action_place& place);

}  // namespace kiln
