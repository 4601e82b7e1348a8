#pragma once

#include <atomic>
#include <chrono>

namespace kiln {

using steady_time = std::chrono::steady_clock::time_point;
using wall_time = std::chrono::system_clock::time_point;
using duration = std::chrono::nanoseconds;

/// Where time comes from. Intervals and timeouts use `now`, which never jumps; `wall` is for people and for
/// timestamps in messages. Any thread. Inside an actor, timers are CAF's (`delayed_send`), which the test
/// scheduler drives; this clock is for plain classes and for threads.
class clock {
public:
  virtual ~clock() = default;
  virtual steady_time now() const noexcept = 0;
  virtual wall_time wall() const noexcept = 0;
};

/// The machine's own clock. Lives for ever.
const clock& system_clock() noexcept;

/// A clock that stands still until told: for tests. Any thread.
class manual_clock final : public clock {
public:
  steady_time now() const noexcept override { return steady_time(std::chrono::hours(1) + passed()); }
  wall_time wall() const noexcept override {
    return wall_time(std::chrono::duration_cast<wall_time::duration>(began_at + passed()));
  }
  void advance(duration by) noexcept { passed_ += by.count(); }

private:
  static constexpr std::chrono::seconds began_at{1'700'000'000};
  duration passed() const noexcept { return duration(passed_.load()); }

  std::atomic<duration::rep> passed_{0};
};

}  // namespace kiln
