#include "actors/tools/run/interrupts.hpp"

#include <utility>

namespace kiln::rehearsal {

interrupts::interrupts() {
  ::sigemptyset(&watched_);
  for (int number : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) ::sigaddset(&watched_, number);
  ::pthread_sigmask(SIG_BLOCK, &watched_, &before_);
  // Who reads what the command writes may have had enough.
  ::signal(SIGPIPE, SIG_IGN);
}

interrupts::~interrupts() {
  look();
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void interrupts::look() noexcept {
  const timespec none{};
  for (int number = 0; (number = ::sigtimedwait(&watched_, nullptr, &none)) > 0;) {
    if (number == SIGWINCH)
      changed_ = true;
    else if (asked_ == 0)
      asked_ = number;
  }
}

int interrupts::asked_to_end() noexcept {
  look();
  return asked_;
}

bool interrupts::window_changed() noexcept {
  look();
  return std::exchange(changed_, false);
}

}  // namespace kiln::rehearsal
