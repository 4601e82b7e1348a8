#pragma once

#include <array>
#include <string>

#include "core/observe/log_throttle.hpp"
#include "core/observe/metrics.hpp"
#include "core/plugin/plugin.hpp"
#include "core/store_kit/silent_stores.hpp"

namespace kiln::mirror {

/// The first or the second store.
using side = std::size_t;
inline constexpr side first = 0, second = 1;
inline side other_than(side one) noexcept {
  return 1 - one;
}

/// Which of two stores answers, as far as the last answers tell: one that failed is asked second for a while.
/// And what the operator hears of it. Confined to the store's actor.
class sides {
public:
  sides(const environment& env, const std::string& store, duration patience);

  /// Whom to ask first.
  side preferred() const { return is_shaky(first) && !is_shaky(second) ? second : first; }
  /// It failed a short while ago: nothing is brought back to it yet.
  bool is_shaky(side one) const { return silent_.is_silent(one) || shaky_until_[one] > time_.now(); }
  /// It hangs, and the other does not: it is left out.
  bool is_left_out(side one) const { return silent_.is_silent(one) && !silent_.is_silent(other_than(one)); }
  silent_stores& silent() noexcept { return silent_; }

  void answered(side one) { shaky_until_[one] = {}; }
  /// Of an error that is the store's own fault; others say nothing of it, nor does it when an order's time,
  /// until `until`, was too short.
  void failed(side one, const error& why, steady_time until);
  /// It left an order unanswered for too long.
  void gave_up(side one);

  void wrote_one_of_two(const digest& blob, side missed, const error& why);
  void repaired(const digest& blob, side one, const expected<bool>& how);

private:
  void note_shaky(side one, const error& why);
  void complain(const char* of, side one, const digest* blob, const error& why);

  const clock& time_;
  logger* const log_;
  const std::string store_;
  log_throttle quiet_;
  silent_stores silent_;
  std::array<steady_time, 2> shaky_until_{};
  counter& one_sided_;
  counter& repaired_;
  counter& failed_repairs_;
};

}  // namespace kiln::mirror
