#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>

#include "core/base/thread_pool.hpp"

namespace kiln::test {

/// Who is chosen when several could run.
enum class pick : std::uint8_t {
  oldest,   ///< who waited longest; an actor goes on until it has read all its messages
  by_seed,  ///< anybody whom real threads might have run first, message by message
};

/// What has run so far: equal for two runs that made the same choices.
struct trace {
  std::uint64_t steps = 0;  ///< messages that an actor read, and jobs
  std::uint64_t jobs = 0;   ///< of them: those of thread pools
  std::uint64_t fingerprint = 0;
  bool operator==(const trace&) const = default;
};

/// Everybody who has something to do, in a system where nothing runs by itself: actors with messages, thread
/// pools with jobs. Any thread may add; the test takes the turns, all on its own thread.
class turns final : public thread_pool_source, public std::enable_shared_from_this<turns> {
public:
  using task = std::function<void()>;

  turns(pick how, std::uint64_t seed) : how_(how), chance_(seed) {}

  pick how() const noexcept { return how_; }

  /// Of all that `who` adds, only the first `width` may run next. `again`: before those that came since.
  void add(std::uint64_t who, std::size_t width, task work, bool again = false);
  /// Runs one; false if there is none.
  bool take();
  /// Runs all that `who` has left, in order.
  void take_all_of(std::uint64_t who);
  /// Until there is something to run, which another thread has to bring; false if none does for so long.
  bool wait(std::chrono::milliseconds at_most);

  /// Thread pools whose jobs wait here for their turn. The source lives as long as the last of them.
  std::unique_ptr<thread_pool> make(std::string name, std::size_t threads) override;

  trace done() const noexcept { return done_; }

private:
  struct entry {
    std::uint64_t who;
    std::size_t width;
    task work;
  };
  std::size_t choose();

  const pick how_;
  std::mutex mutex_;
  std::condition_variable added_;
  std::deque<entry> waiting_;
  std::uint64_t pools_ = 0;
  std::mt19937_64 chance_;  ///< the test's thread's, as is the trace
  trace done_;
};

}  // namespace kiln::test
