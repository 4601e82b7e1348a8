#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>

#include "core/base/error.hpp"

namespace kiln {

/// A few threads for work that blocks (disk, hashing, child processes), owned by the one actor that needs
/// them. Jobs start in the order they were posted. What a job throws ends that job and nothing else; it is
/// for the job to see to it that whoever waits hears of it (`caught`).
class thread_pool {
public:
  using job = std::function<void()>;

  virtual ~thread_pool() = default;
  /// Any thread. RESOURCE_EXHAUSTED when the queue is at its bound: then the job was not taken, and the
  /// caller refuses its own asker.
  virtual expected<void> post(job work) = 0;
  /// Finishes what was posted, takes nothing more, and joins. Dropping the thread pool does the same, and may
  /// happen in one of its jobs: that thread then ends by itself.
  virtual void stop() = 0;
};

/// Real threads. `name` is what a debugger shows (cut at 15 characters).
std::unique_ptr<thread_pool> make_thread_pool(std::string name, std::size_t threads,
                                              std::size_t queue_limit = 65536);

/// Runs each job at once on the caller's thread: for tests under the deterministic scheduler.
std::unique_ptr<thread_pool> make_inline_pool();

/// In a handler of all exceptions: what was thrown, as the error of one call. Memory that is not there is
/// RESOURCE_EXHAUSTED, anything else INTERNAL.
error current_fault() noexcept;
/// `work()`, with what it throws as its error. It returns an expected<T>.
template <class Work>
std::invoke_result_t<Work&> caught(Work&& work) {
  try {
    return work();
  } catch (...) {
    return failure(current_fault());
  }
}

/// Where thread pools come from: whoever needs one is handed a source, so that a test can decide when jobs
/// run.
class thread_pool_source {
public:
  virtual ~thread_pool_source() = default;
  virtual std::unique_ptr<thread_pool> make(std::string name, std::size_t threads) = 0;
};

/// Thread pools of real threads. Lives for ever.
thread_pool_source& thread_pools() noexcept;

}  // namespace kiln
