#pragma once

#include <atomic>
#include <cstdint>

#include "actors/worker/command_plan.hpp"
#include "actors/worker/input_tree.hpp"
#include "actors/worker/options.hpp"
#include "core/base/error.hpp"

namespace kiln {

/// How the files of an input tree came to be.
struct materialised {
  std::uint64_t linked = 0;
  std::uint64_t copied = 0;
};

/// Makes `tree` in the empty folder `root`, then checks that the plan's working directory is there and makes
/// the folders in which its outputs will lie. Blocks; ends early with CANCELLED when `stop` is set.
expected<materialised> materialise(const descriptor& root, const input_tree& tree, const command_plan& plan,
                                   input_mode mode, const std::atomic<bool>& stop);

/// Which inputs are no longer as they were lent: an action that runs as their owner can change them, and all
/// who share the file would see it. Blocks.
struct altered_inputs {
  std::vector<digest> content;  ///< written to, or not there any more
  std::vector<digest> mode;     ///< only made writable or such
};
altered_inputs check_inputs(const input_tree& tree);

}  // namespace kiln
