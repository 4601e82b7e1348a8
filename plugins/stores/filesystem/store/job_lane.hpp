#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/thread_pool.hpp"

namespace kiln::filesystem {

/// Little jobs that come by the hundred, such as looking at each file that an action is lent. Those that wait
/// while others are at work share a job of the thread pool, and one message back.
class job_lane : public std::enable_shared_from_this<job_lane> {
public:
  class job {
  public:
    virtual ~job() = default;
    /// On the thread pool.
    virtual void work() noexcept = 0;
    /// In the actor, after that.
    virtual void go_on() = 0;
  };
  using jobs = std::vector<std::shared_ptr<job>>;
  /// Some of them have done their work: called on a thread pool thread.
  using report = std::function<void(jobs)>;

  job_lane(std::shared_ptr<thread_pool> pool, std::size_t at_once, report tell)
      : pool_(std::move(pool)), at_once_(at_once), tell_(std::move(tell)) {}

  /// `work()` and then `then` with what it returned, an expected<T>, or threw. For the actor alone. An error
  /// means that it was not taken, and `then` is not called.
  template <class Work, class Then>
  expected<void> submit(Work work, Then then) {
    return add(std::make_shared<job_of<Work, Then>>(std::move(work), std::move(then)));
  }

private:
  template <class Work, class Then>
  class job_of final : public job {
  public:
    job_of(Work work, Then then) : work_(std::move(work)), then_(std::move(then)) {}
    void work() noexcept override {
      result_.emplace(caught(*work_));
      work_.reset();
    }
    void go_on() override { then_(std::move(*result_)); }

  private:
    std::optional<Work> work_;
    Then then_;
    std::optional<std::invoke_result_t<Work&>> result_;
  };

  expected<void> add(std::shared_ptr<job> one);
  void work();
  jobs take();

  const std::shared_ptr<thread_pool> pool_;
  const std::size_t at_once_;  ///< jobs of the thread pool
  const report tell_;
  std::mutex mutex_;
  std::deque<std::shared_ptr<job>> waiting_;
  std::size_t working_ = 0;
};

}  // namespace kiln::filesystem
