#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace kiln {

/// `start(i, ended)` for each i below `count`, at most `most` of them under way, and `then` once all have
/// ended. `ended` is called once, on any thread, also before `start` returns. Lives as long as one is under
/// way: if those are dropped, so is `then`.
class few_at_once : public std::enable_shared_from_this<few_at_once> {
public:
  using starter = std::function<void(std::size_t which, std::function<void()> ended)>;

  static void run(std::size_t count, std::size_t most, starter start, std::function<void()> then) {
    std::shared_ptr<few_at_once>(new few_at_once(count, most, std::move(start), std::move(then)))->go_on();
  }

private:
  few_at_once(std::size_t count, std::size_t most, starter start, std::function<void()> then)
      : count_(count), most_(most), start_(std::move(start)), then_(std::move(then)) {}

  // One thread at a time starts some, however often they end at once, so the stack does not grow.
  void go_on() {
    std::unique_lock lock(mutex_);
    if (std::exchange(starting_, true)) return;
    while (begun_ < count_ && begun_ - ended_ < most_) {
      const auto which = begun_++;
      lock.unlock();
      start_(which, [self = shared_from_this()] { self->one_ended(); });
      lock.lock();
    }
    starting_ = false;
    if (ended_ < count_ || !then_) return;
    auto then = std::exchange(then_, nullptr);
    lock.unlock();
    then();
  }
  void one_ended() {
    {
      std::lock_guard lock(mutex_);
      ++ended_;
    }
    go_on();
  }

  const std::size_t count_;
  const std::size_t most_;
  const starter start_;
  std::function<void()> then_;
  std::mutex mutex_;
  std::size_t begun_ = 0;
  std::size_t ended_ = 0;
  bool starting_ = false;
};

}  // namespace kiln
