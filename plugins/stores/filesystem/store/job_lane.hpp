#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/thread_pool.hpp"
#include "plugins/stores/filesystem/store/filesystem_messages.hpp"

namespace kiln::filesystem {

/// Little jobs that come by the hundred, such as looking at each file that an action is lent. Those that wait
/// while others are at work share a job of the thread pool, and one message back.
class job_lane : public std::enable_shared_from_this<job_lane> {
public:
  struct job {
    tickets::number ticket = 0;
    /// What it throws is as good as no result, and concerns no other job.
    std::function<std::shared_ptr<void>()> work;
  };
  /// What came of some of them: called on a thread pool thread.
  using report = std::function<void(std::vector<pool_done>)>;

  job_lane(std::shared_ptr<thread_pool> pool, std::size_t at_once, report tell)
      : pool_(std::move(pool)), at_once_(at_once), tell_(std::move(tell)) {}

  /// For the actor alone. An error means that it was not taken.
  expected<void> submit(job one);

private:
  void work();

  const std::shared_ptr<thread_pool> pool_;
  const std::size_t at_once_;  ///< jobs of the thread pool
  const report tell_;
  std::mutex mutex_;
  std::deque<job> waiting_;
  std::size_t working_ = 0;
};

}  // namespace kiln::filesystem
