#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "core/store_kit/store_behaviour.hpp"

namespace kiln {

/// What a store of several waits for, each until a time of its own: a store that hangs must not hold whoever
/// asked, nor what was kept for them. An answer that comes in time costs an entry in a table and leaves
/// nothing behind; CAF's own timeout of a request would leave a timer behind until then. Never early, and
/// late by `grain` at most. Confined to the store's actor.
class deadlines {
public:
  /// Dropping it calls off what it stands for. Null where the time never comes.
  using token = std::shared_ptr<const void>;
  static constexpr duration grain = std::chrono::milliseconds(100);

  /// `time` outlives this.
  deadlines(resumable_store::pointer self, const clock& time);

  /// `late` runs once, in the actor, when that time has come, and never before this returns.
  [[nodiscard]] token watch(steady_time until, std::function<void()> late);

  const clock& time() const noexcept { return time_; }
  /// How many are waited for.
  std::size_t open() const noexcept;

private:
  struct table;
  const clock& time_;
  const std::shared_ptr<table> table_;
};

/// For what was waited for until its asker's time was over.
inline error came_too_late() {
  return {errc::deadline_exceeded, "a store within did not answer before the time of the order was over"};
}

/// An answer that is waited for until a time: what comes first, the answer or the end of the time, goes to
/// `then`, and everything that holds is dropped with it. Confined to the store's actor.
template <class Reply>
class awaited {
public:
  using then_fn = std::function<void(expected<Reply>)>;

  /// `on_late` says what the error is of whoever gives up.
  static std::shared_ptr<awaited> make(deadlines& times, steady_time at_most, then_fn then,
                                       std::function<error()> on_late = came_too_late) {
    auto made = std::make_shared<awaited>();
    made->then_ = std::move(then);
    made->over_ = times.watch(at_most, [weak = std::weak_ptr<awaited>(made), on_late = std::move(on_late)] {
      if (auto alive = weak.lock()) alive->settle(failure(on_late()));
    });
    return made;
  }

  bool is_open() const noexcept { return then_ != nullptr; }
  void settle(expected<Reply> said) {
    over_.reset();
    if (auto next = std::exchange(then_, nullptr)) next(std::move(said));
  }

private:
  then_fn then_;
  deadlines::token over_;
};

/// Asks `store`, and waits for its answer until `at_most`. `then(expected<answer>)` is dropped if it throws.
template <class Order>
void ask_in_time(resumable_store::pointer self, deadlines& times, const store_actor& store, Order order,
                 steady_time at_most, typename awaited<answer_to<Order>>::then_fn then) {
  using reply = answer_to<Order>;
  auto one = awaited<reply>::make(times, at_most, std::move(then));
  on_response(
      self->request(store, caf::infinite, std::move(order)),
      [one](reply& good) { one->settle(std::move(good)); },
      [one](const caf::error& fault) { one->settle(failure(from_caf(fault))); });
}

}  // namespace kiln
