#pragma once

#include <functional>
#include <list>
#include <mutex>

namespace kiln {

/// Runs jobs one after the other, each on the thread that came first, in the order they were given: for
/// objects that are called back from any thread and are no actors. A job given while another runs, from the
/// same thread or elsewhere, is left to the one that runs: so nothing waits, and a callback that comes at
/// once does not grow the stack. Jobs must not throw; each holds on to the object that owns the strand.
class strand {
public:
  using job = std::function<void()>;

  void run(job next) {
    {
      std::lock_guard hold(mutex_);
      if (busy_) {
        waiting_.push_back(std::move(next));
        return;
      }
      busy_ = true;
    }
    for (;;) {
      next();
      job after;
      {
        std::lock_guard hold(mutex_);
        if (waiting_.empty()) {
          busy_ = false;
          return;  // `next` goes last: with it the strand itself may go
        }
        after = std::move(waiting_.front());
        waiting_.pop_front();
      }
      next = std::move(after);
    }
  }

private:
  std::mutex mutex_;
  std::list<job> waiting_;  // takes no memory while it is empty, as it mostly is
  bool busy_ = false;
};

}  // namespace kiln
