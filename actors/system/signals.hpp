#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "core/base/clock.hpp"

namespace kiln {

/// The constructor blocks SIGTERM, SIGINT and SIGHUP in this thread and so in every thread it starts
/// afterwards, and ignores SIGPIPE; so it is made first, by main. They are kept until they are watched for.
/// (Children of a worker start with their mask empty again.)
class blocked_signals {
public:
  blocked_signals();
  ~blocked_signals();
  blocked_signals(const blocked_signals&) = delete;
  blocked_signals& operator=(const blocked_signals&) = delete;

  int descriptor() const noexcept { return descriptor_; }

private:
  int descriptor_ = -1;
};

/// Faster than anybody asks twice, slower than any supervisor sends.
inline constexpr duration signal_burst = std::chrono::milliseconds(250);

/// Signals as something to wait for. The first that wants the process to end asks for an orderly end; a
/// second one does not ask: whatever the process is doing, at its start or while it is taken down, it ends at
/// once. The same signal again within `signal_burst` counts as one, for GNU timeout and some supervisors send
/// it to the process and to its group. A terminal that went away (SIGHUP) is no reason to end.
class signal_watch {
public:
  enum class reason : std::uint8_t { second_signal, hangs };
  /// `end_now` does not return. It is called on a thread of the watch.
  signal_watch(const blocked_signals& signals, const clock& time, std::function<void(reason)> end_now);
  /// Nobody is ended any more.
  ~signal_watch();
  signal_watch(const signal_watch&) = delete;
  signal_watch& operator=(const signal_watch&) = delete;

  /// Blocks until a signal has asked for the end, or somebody has called `let_go`.
  void wait();
  /// Any thread.
  void let_go();
  /// From now on the process has so long to come to its end by itself.
  void expect_end_within(duration time);

private:
  void run();
  void stir();
  /// True: it asks for an end at once.
  bool take(int signal);

  const int signals_;
  const clock& time_;
  const std::function<void(reason)> end_now_;
  int stirred_ = -1;
  std::mutex mutex_;
  std::condition_variable changed_;
  /// What asked for the end first, and when.
  struct request {
    int signal = 0;
    steady_time at;
  };
  std::optional<request> asked_;
  bool let_go_ = false;
  bool over_ = false;
  std::optional<steady_time> limit_;
  std::thread thread_;
};

}  // namespace kiln
