#pragma once

#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "core/base/thread_pool.hpp"

namespace kiln::filesystem {

/// Orders of one kind that are carried out one group after the other, on one thread of the pool at a time:
/// those that come while a group is at work are the next one. So what works on them needs no lock of its own.
template <class Order>
class group_lane : public std::enable_shared_from_this<group_lane<Order>> {
public:
  /// Answers each order of the group, whatever happens. It must not throw.
  using work_fn = std::function<void(std::vector<Order>)>;

  group_lane(std::shared_ptr<thread_pool> pool, work_fn work)
      : pool_(std::move(pool)), work_(std::move(work)) {}

  /// An error means that none of them was taken. For one thread alone.
  expected<void> submit(std::vector<Order> orders) {
    const auto count = orders.size();
    {
      std::lock_guard lock(mutex_);
      std::move(orders.begin(), orders.end(), std::back_inserter(waiting_));
      if (std::exchange(working_, true)) return {};
    }
    auto posted = caught([this] { return pool_->post([self = this->shared_from_this()] { self->run(); }); });
    if (posted) return {};
    std::vector<Order> dropped;  // outside the lock
    std::lock_guard lock(mutex_);
    working_ = false;
    auto mine = waiting_.end() - static_cast<std::ptrdiff_t>(count);
    std::move(mine, waiting_.end(), std::back_inserter(dropped));
    waiting_.erase(mine, waiting_.end());
    return posted;
  }
  expected<void> submit(Order one) {
    std::vector<Order> all;
    all.push_back(std::move(one));
    return submit(std::move(all));
  }

private:
  void run() {
    for (;;) {
      std::vector<Order> taken;
      {
        std::lock_guard lock(mutex_);
        taken.swap(waiting_);
        if (taken.empty()) {
          working_ = false;
          return;
        }
      }
      work_(std::move(taken));
    }
  }

  const std::shared_ptr<thread_pool> pool_;
  const work_fn work_;
  std::mutex mutex_;
  std::vector<Order> waiting_;
  bool working_ = false;
};

}  // namespace kiln::filesystem
