#pragma once

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <cstddef>
#include <functional>
#include <mutex>

namespace kiln {

/// Waits for a number of things to come to rest. Any thread.
class rest {
public:
  explicit rest(std::size_t awaited) : awaited_(awaited) {}

  void arrive() {
    std::function<void()> then;
    {
      std::lock_guard lock(mutex_);
      if (awaited_ == 0 || --awaited_ > 0) return;
      then = std::move(then_);
    }
    if (then) then();
  }
  /// Once: when all have arrived, or at once if they have.
  void when_reached(std::function<void()> then) {
    {
      std::lock_guard lock(mutex_);
      if (awaited_ > 0) {
        then_ = std::move(then);
        return;
      }
    }
    then();
  }

private:
  std::mutex mutex_;
  std::size_t awaited_;
  std::function<void()> then_;
};

/// A drain step that sends `order` and is done when it is answered, with success or not.
template <class Answer, class Handle, class Order>
std::function<void(std::function<void()>)> until_answered(caf::actor_system& system, Handle to, Order order) {
  return [&system, to, order](std::function<void()> done) {
    system.spawn([to, order, done = std::move(done)](caf::event_based_actor* self) {
      self->request(to, caf::infinite, order)
          .then([done](const Answer&) { done(); }, [done](const caf::error&) { done(); });
    });
  };
}

}  // namespace kiln
