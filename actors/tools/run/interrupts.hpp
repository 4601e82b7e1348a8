#pragma once

#include <signal.h>

#include <chrono>
#include <future>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"

namespace kiln::rehearsal {

/// Signals that want the command to end, and news of the window's size, for a loop that asks now and then.
/// Made before any other thread, so that all of them leave the signals alone. One thread.
class interrupts {
public:
  static constexpr auto between_looks = std::chrono::milliseconds(50);

  interrupts();
  ~interrupts();
  interrupts(const interrupts&) = delete;
  interrupts& operator=(const interrupts&) = delete;

  /// The number of the first signal that wants an end; 0 as long as none has come.
  int asked_to_end() noexcept;
  /// Once for each change.
  bool window_changed() noexcept;

  /// What is coming, or CANCELLED if a signal wants the end before.
  template <class T>
  expected<T> until(std::future<expected<T>>& coming) {
    while (coming.wait_for(between_looks) != std::future_status::ready)
      if (int number = asked_to_end(); number != 0)
        return fail(errc::cancelled, "stopped by signal {}", number);
    return coming.get();
  }

private:
  void look() noexcept;

  sigset_t watched_;
  sigset_t before_;
  int asked_ = 0;
  bool changed_ = false;
};

}  // namespace kiln::rehearsal
