#pragma once

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

/// A clock that stands still until told: for tests. Confined to one thread or to a stopped scheduler.
class manual_clock final : public clock {
public:
  steady_time now() const noexcept override { return now_; }
  wall_time wall() const noexcept override { return wall_; }
  void advance(duration by) noexcept {
    now_ += by;
    wall_ += std::chrono::duration_cast<wall_time::duration>(by);
  }

private:
  steady_time now_{std::chrono::hours(1)};
  wall_time wall_{std::chrono::seconds(1'700'000'000)};
};

}  // namespace kiln
