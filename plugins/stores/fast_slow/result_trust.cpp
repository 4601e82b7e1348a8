#include "plugins/stores/fast_slow/result_trust.hpp"

#include <utility>

namespace kiln::fast_slow {

void result_trust::begin(const digest& action) {
  if (is_lost_) return;
  auto& one = doubts_[action];
  if (std::exchange(one.is_stuck, false)) --stuck_;
  // Two that overlap may end in one order here and in another there.
  one.may_differ = one.changes > 0 || one.is_forgetting;
  ++one.changes;
}

bool result_trust::end(const digest& action, bool is_same) {
  auto found = doubts_.find(action);
  if (is_lost_ || found == doubts_.end() || found->second.changes == 0) return false;
  auto& one = found->second;
  one.may_differ = one.may_differ || !is_same;
  if (--one.changes > 0 || one.is_forgetting) return false;
  if (!one.may_differ) {
    doubts_.erase(found);
    return false;
  }
  one.may_differ = false;
  one.is_forgetting = true;
  return true;
}

bool result_trust::forgot(const digest& action, bool is_gone) {
  auto found = doubts_.find(action);
  if (is_lost_ || found == doubts_.end()) return false;
  auto& one = found->second;
  one.is_forgetting = false;
  if (one.changes > 0) {
    one.may_differ = one.may_differ || !is_gone;
    return false;
  }
  if (!is_gone) {
    one.is_stuck = true;
    if (++stuck_ <= most_doubted) return false;
    is_lost_ = true;
    doubts_.clear();
    return false;
  }
  if (one.may_differ) {
    one.may_differ = false;
    one.is_forgetting = true;
    return true;
  }
  doubts_.erase(found);
  return false;
}

}  // namespace kiln::fast_slow
