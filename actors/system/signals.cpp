#include "actors/system/signals.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <utility>

namespace kiln {
namespace {

int milliseconds_until(std::optional<steady_time> limit, const clock& time) {
  if (!limit) return -1;
  auto left = std::chrono::ceil<std::chrono::milliseconds>(*limit - time.now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

}  // namespace

blocked_signals::blocked_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t wanted;
  sigemptyset(&wanted);
  for (int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&wanted, number);
  pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
  descriptor_ = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
}

blocked_signals::~blocked_signals() {
  ::close(descriptor_);
}

signal_watch::signal_watch(const blocked_signals& signals, const clock& time,
                           std::function<void(reason)> end_now)
    : signals_(signals.descriptor()),
      time_(time),
      end_now_(std::move(end_now)),
      stirred_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { run(); }) {}

signal_watch::~signal_watch() {
  {
    std::lock_guard lock(mutex_);
    over_ = true;
  }
  stir();
  thread_.join();
  ::close(stirred_);
}

void signal_watch::run() {
  for (;;) {
    int patience = -1;
    {
      std::lock_guard lock(mutex_);
      if (over_) return;
      patience = milliseconds_until(limit_, time_);
    }
    if (patience == 0) return end_now_(reason::hangs);
    pollfd watched[] = {{signals_, POLLIN, 0}, {stirred_, POLLIN, 0}};
    if (::poll(watched, 2, patience) <= 0) continue;
    std::uint64_t count = 0;
    [[maybe_unused]] auto stirred = ::read(stirred_, &count, sizeof count);
    signalfd_siginfo what;
    while (::read(signals_, &what, sizeof what) == sizeof what) {
      if (take(static_cast<int>(what.ssi_signo))) return end_now_(reason::second_signal);
    }
  }
}

bool signal_watch::take(int signal) {
  if (signal == SIGHUP) return false;
  std::lock_guard lock(mutex_);
  if (asked_) return signal != asked_->signal || time_.now() - asked_->at >= signal_burst;
  asked_ = request{signal, time_.now()};
  changed_.notify_all();
  return false;
}

void signal_watch::stir() {
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(stirred_, &one, sizeof one);
}

void signal_watch::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return asked_.has_value() || let_go_; });
}

void signal_watch::let_go() {
  {
    std::lock_guard lock(mutex_);
    let_go_ = true;
  }
  changed_.notify_all();
}

void signal_watch::expect_end_within(duration time) {
  {
    std::lock_guard lock(mutex_);
    limit_ = time_.now() + time;
  }
  stir();
}

}  // namespace kiln
