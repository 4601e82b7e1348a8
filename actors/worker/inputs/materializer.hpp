#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "actors/worker/command/command_plan.hpp"
#include "actors/worker/inputs/input_tree.hpp"
#include "core/base/error.hpp"

namespace kiln {

/// How the files of an input tree came to be.
struct materialised {
  std::uint64_t linked = 0;
  std::uint64_t shared = 0;  ///< files of their own, on the blocks of those that were lent
  std::uint64_t copied = 0;

  materialised& operator+=(const materialised& more) noexcept {
    linked += more.linked;
    shared += more.shared;
    copied += more.copied;
    return *this;
  }
};

/// Makes `tree` in the empty folder `root`, all of it the owner's but the files that are links. Blocks; ends
/// early with CANCELLED when `stop` is set.
expected<materialised> lay_out(disk& on, const descriptor& root, const input_tree& tree, user_number owner,
                               const std::atomic<bool>& stop);

/// The folders that the outputs of a plan will lie in, each once, relative to the input root.
std::vector<std::string> output_parents(const command_plan& plan);

/// Makes `tree` in the empty folder `root`, all of it the owner's but the files that are links. Then checks
/// that the plan's working directory is there and makes the folders in which its outputs will lie. Blocks;
/// ends early with CANCELLED when `stop` is set.
expected<materialised> materialise(disk& on, const descriptor& root, const input_tree& tree,
                                   const command_plan& plan, user_number owner,
                                   const std::atomic<bool>& stop);

}  // namespace kiln
