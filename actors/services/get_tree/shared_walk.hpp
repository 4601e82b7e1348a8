#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "actors/services/get_tree/tree_coalescer.hpp"
#include "actors/services/get_tree/tree_walk.hpp"
#include "core/base/work_budget.hpp"

namespace kiln {

/// A walk that several follow, each at its own pace, and what it has found so far; once it is over, the tree.
/// One thread.
class shared_walk {
public:
  shared_walk(const digest& root, tree_walk::rules bounds)
      : root_(root), walk_(std::make_unique<tree_walk>(root, bounds)) {}

  const digest& root() const noexcept { return root_; }
  bool over() const noexcept { return over_; }
  /// Directories in front of this position are read, or being read.
  std::size_t asked() const noexcept;

  /// What to read: the next batch, or the same as long as none was taken.
  const std::vector<digest>& batch();
  /// What was found is taken by the walk itself, which may be elsewhere for that; nothing else is asked of it
  /// meanwhile.
  struct lent_walk {
    std::unique_ptr<tree_walk> walk;
    std::vector<digest> asked;
    expected<void> take(const std::vector<expected<bytes>>& found) { return walk->take(asked, found); }
  };
  lent_walk lend();
  void take_back(lent_walk lent);

  /// Far enough in front of the fastest who follows.
  bool far_ahead() const noexcept;
  /// What there is from this position on, as much as is handed out at once; nothing while the walk has yet to
  /// come there.
  std::optional<tree_part> from(std::size_t position);

  /// What it takes in memory: directories heard of, and bytes of those that are kept.
  struct load {
    std::size_t directories = 0;
    std::uint64_t bytes = 0;
  };
  load size() const noexcept;
  /// Of the tree, for the cache.
  std::uint64_t weight() const noexcept;
  /// Forgets the bytes of the oldest segment that the fastest has passed; the others read them for
  /// themselves. False if there is none.
  bool let_go();
  void let_go_of_all();

  std::set<std::uint64_t> slots;      ///< of those who follow, the oldest first
  std::shared_ptr<const void> place;  ///< among the walks under way
  bool reading = false;
  std::shared_ptr<work_budget::share> room;  ///< of what is being read, where that is large
  bool joined_since_asked = false;           ///< somebody came after the batch was asked for
  bool sound = true;  ///< nothing was absent: newcomers may join, and it may be remembered
  load charged;       ///< what of its size is counted

private:
  void forget_bytes(tree_segment_ptr& of);

  digest root_;
  std::unique_ptr<tree_walk> walk_;  // while it walks and is here
  bool over_ = false;
  std::size_t asked_ = 0;  // of the walk, also while it is elsewhere
  std::size_t known_ = 1;
  std::vector<digest> batch_;
  std::vector<tree_segment_ptr> segments_;
  std::size_t handed_out_ = 0;  // segments that the fastest has had, or has no need of
  std::size_t let_go_ = 0;      // segments without bytes
  std::uint64_t bytes_ = 0;
};

}  // namespace kiln
