#include "actors/system/signals.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <initializer_list>

namespace kiln {

signal_gate::signal_gate() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t wanted;
  sigemptyset(&wanted);
  for (int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&wanted, number);
  pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
  signals_ = ::signalfd(-1, &wanted, SFD_CLOEXEC);
  opened_ = ::eventfd(0, EFD_CLOEXEC);
}

signal_gate::~signal_gate() {
  ::close(signals_);
  ::close(opened_);
}

signal_gate::event signal_gate::wait() {
  for (;;) {
    pollfd watched[] = {{signals_, POLLIN, 0}, {opened_, POLLIN, 0}};
    if (::poll(watched, 2, -1) < 0) continue;
    if (watched[0].revents != 0) {
      signalfd_siginfo what;
      // A terminal that went away says SIGHUP; a server has no reason to follow it.
      if (::read(signals_, &what, sizeof what) == sizeof what && what.ssi_signo != SIGHUP)
        return event::terminate;
      continue;
    }
    std::uint64_t count;
    if (watched[1].revents != 0 && ::read(opened_, &count, sizeof count) == sizeof count) return event::open;
  }
}

void signal_gate::open() {
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(opened_, &one, sizeof one);
}

}  // namespace kiln
