#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "core/store_kit/deadlines.hpp"

namespace kiln {

/// Which of several stores owe answers that were waited for in vain. Such a one is left alone, so that it
/// costs few orders their patience: until it has answered all that it owes, or for `rest`, for one answer may
/// be lost for ever. Confined to the store's actor.
class silent_stores {
public:
  static constexpr duration rest = std::chrono::seconds(30);

  silent_stores(const clock& time, std::size_t count, duration patience)
      : time_(time), patience_(patience), debts_(count) {}

  bool is_silent(std::size_t which) const {
    return debts_[which].answers > 0 && time_.now() < debts_[which].until;
  }
  duration patience() const noexcept { return patience_; }

  /// Asks `store`, which is number `which`, and waits `at_most` so long (the largest: without such a bound),
  /// or for `until` of the order. Who does not answer for all of the patience is silent.
  /// `then(expected<answer>)` hears UNAVAILABLE when the wait is over, and DEADLINE_EXCEEDED when the order's
  /// time is; `heard(is_good)` hears of each answer, also of one that comes too late, and `late()` of one
  /// that did not come.
  template <class Order, class Heard, class Late>
  void ask(resumable_store::pointer self, deadlines& times, std::size_t which, const store_actor& store,
           Order order, duration at_most, Heard heard, Late late,
           typename awaited<answer_to<Order>>::then_fn then) {
    using reply = answer_to<Order>;
    const auto now = time_.now();
    const bool is_shorter =
        at_most != duration::max() && (order.until == waits_for_ever || order.until - now > at_most);
    auto is_owed = std::make_shared<bool>(false);
    auto give_up = [this, which, is_owed, is_shorter, at_most, late]() -> error {
      if (!is_shorter) return came_too_late();
      if (at_most >= patience_) {
        *is_owed = true;
        owe(which);
      }
      late();
      return {errc::unavailable, "a store within did not answer for a while"};
    };
    auto one = awaited<reply>::make(times, is_shorter ? now + at_most : steady_time(order.until),
                                    std::move(then), std::move(give_up));
    auto pay = [this, which, is_owed] {
      if (std::exchange(*is_owed, false)) --debts_[which].answers;
    };
    on_response(
        self->request(store, caf::infinite, std::move(order)),
        [one, pay, heard](reply& good) {
          pay();
          heard(nullptr);
          one->settle(std::move(good));
        },
        [one, pay, heard](const caf::error& fault) {
          pay();
          const auto why = from_caf(fault);
          heard(&why);
          one->settle(failure(why));
        });
  }

private:
  struct debt {
    std::size_t answers = 0;
    steady_time until{};
  };
  void owe(std::size_t which) {
    ++debts_[which].answers;
    debts_[which].until = time_.now() + rest;
  }

  const clock& time_;
  const duration patience_;
  std::vector<debt> debts_;
};

}  // namespace kiln
