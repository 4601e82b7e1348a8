#pragma once

#include <unordered_set>
#include <utility>
#include <vector>

#include "core/digest/digest.hpp"

namespace kiln::existence {

/// Blobs that were answered for from memory, and of which the store below is still to hear that they are in
/// use: each once, in batches, of which one is under way at most. Confined to the store's actor.
class touch_queue {
public:
  static constexpr std::size_t max_batch = 4096;

  /// False if there is no room: then the store below is to be asked at once. What waits already, or is under
  /// way, takes no room.
  bool add(const digest& blob) {
    if (under_way_.contains(blob) || waiting_.contains(blob)) return true;
    if (is_full()) return false;
    waiting_.insert(blob);
    return true;
  }
  bool is_full() const noexcept { return waiting_.size() >= max_batch; }
  bool is_empty() const noexcept { return waiting_.empty(); }
  bool is_busy() const noexcept { return !under_way_.empty(); }

  /// All that wait are under way, until `end`.
  std::vector<digest> begin() {
    under_way_ = std::exchange(waiting_, {});
    return {under_way_.begin(), under_way_.end()};
  }
  void end() noexcept { under_way_.clear(); }

private:
  std::unordered_set<digest> waiting_;
  std::unordered_set<digest> under_way_;
};

}  // namespace kiln::existence
