#pragma once

#include <atomic>
#include <vector>

#include "actors/worker/inputs/input_tree.hpp"

namespace kiln {

/// Which inputs are not as they were lent: an action that runs as their owner can change them, and all who
/// share the file would see it.
struct altered_inputs {
  std::vector<wanted_input> changed;  ///< other bytes, or not there any more
  std::vector<wanted_input> touched;  ///< another mode or time, and the same bytes: nobody is hurt
  /// This action alone had what changed, from when it was known to be whole.
  bool by_this_action = true;
};

/// A mode or a time only makes it look at the bytes. Blocks; what it has not read when `stop` is set counts
/// as changed.
altered_inputs find_altered(disk& on, const input_tree& tree, const std::atomic<bool>& stop);

}  // namespace kiln
