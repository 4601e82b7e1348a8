#pragma once

#include <cstddef>
#include <unordered_map>
#include <utility>

#include "core/base/clock.hpp"
#include "core/digest/digest.hpp"

namespace kiln::s3_store {

/// Blobs that were seen to be there, each until a time; at most so many, of which the half that was noted
/// last is sure to stay. Confined to one thread.
class known_objects {
public:
  explicit known_objects(std::size_t most) : half_(most / 2) {}

  bool knows(const digest& blob, steady_time now) const {
    for (const auto* some : {&young_, &old_})
      if (auto found = some->find(blob); found != some->end()) return now < found->second;
    return false;
  }
  void note(const digest& blob, steady_time until) {
    if (young_.size() >= half_ && !young_.contains(blob)) old_ = std::exchange(young_, {});
    young_[blob] = until;
  }
  void drop(const digest& blob) {
    young_.erase(blob);
    old_.erase(blob);
  }
  std::size_t size() const noexcept { return young_.size() + old_.size(); }

private:
  const std::size_t half_;
  std::unordered_map<digest, steady_time> young_;
  std::unordered_map<digest, steady_time> old_;
};

}  // namespace kiln::s3_store
