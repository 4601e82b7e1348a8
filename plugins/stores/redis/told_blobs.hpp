#pragma once

#include <cstddef>
#include <unordered_set>
#include <vector>

#include "core/digest/digest.hpp"

namespace kiln::redis_store {

/// Blobs of which somebody may believe that they are there, for we have said so. Bounded: those of which that
/// was said longest ago are given up, and whoever believes in them is told otherwise. Plain class.
class told_blobs {
public:
  explicit told_blobs(std::size_t most) : half_(most / 2 + 1) {}

  /// What is given up instead.
  std::vector<digest> note(const digest& blob);
  void drop(const digest& blob);
  /// All of them.
  std::vector<digest> give_up();
  std::size_t size() const noexcept { return young_.size() + old_.size(); }

private:
  const std::size_t half_;
  std::unordered_set<digest> young_;
  std::unordered_set<digest> old_;  // and not among the young
};

}  // namespace kiln::redis_store
