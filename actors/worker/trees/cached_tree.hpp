#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/digest/digest.hpp"

namespace kiln {

class tree_shelf;

/// An input tree that is laid out on the disk, whole and never changed. It goes from the disk with its last
/// holder, unless it is `kept`.
struct cached_tree {
  digest root;
  std::string name;   ///< of its folder on the shelf
  std::string layer;  ///< absolute path of what actions see of it
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  wall_time made{};
  /// The tree that it lies over, and of which it holds only the difference; null: it has all of its own.
  std::shared_ptr<const cached_tree> base;
  std::shared_ptr<tree_shelf> home;

  mutable std::atomic<bool> kept{false};
  /// Whether it was looked at, by this process, since it could have been harmed.
  mutable std::atomic<bool> checked{true};

  cached_tree() = default;
  cached_tree(const cached_tree&) = delete;
  cached_tree& operator=(const cached_tree&) = delete;
  ~cached_tree();

  /// From the top down, as a process_union has them.
  std::vector<std::string> layers() const {
    return base ? std::vector{layer, base->layer} : std::vector{layer};
  }
};
using cached_tree_ptr = std::shared_ptr<const cached_tree>;

}  // namespace kiln
