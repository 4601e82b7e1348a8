#include "actors/tools/run/terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace kiln::rehearsal {
namespace {

/// False if it cannot be written.
bool write_whole(int to, const char* from, std::size_t size) {
  while (size > 0) {
    const ssize_t done = ::write(to, from, size);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    from += done;
    size -= static_cast<std::size_t>(done);
  }
  return true;
}

}  // namespace

bool terminal::is_here() noexcept {
  return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
}

terminal::terminal(descriptor near, descriptor far, const termios& before)
    : near_(std::move(near)), far_(std::move(far)), before_(before) {}

expected<std::unique_ptr<terminal>> terminal::open(disk& on, user_number user) {
  descriptor near(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  char name[64] = {};
  if (!near || ::grantpt(near.number()) != 0 || ::unlockpt(near.number()) != 0 ||
      ::ptsname_r(near.number(), name, sizeof name) != 0)
    return fail(system_error(errno, "making a terminal"));
  descriptor far(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  termios before{};
  if (!far || ::tcgetattr(STDIN_FILENO, &before) != 0)
    return fail(system_error(errno, "opening the terminal"));
  // /dev/stderr is opened anew by many a script.
  if (auto given = on.set_owner(far, user); !given)
    return fail(given.error().in_words("giving the terminal to the command"));
  std::unique_ptr<terminal> made(new terminal(std::move(near), std::move(far), before));
  made->take_size();
  termios raw = before;
  ::cfmakeraw(&raw);
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  return made;
}

terminal::~terminal() {
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

void terminal::take_size() noexcept {
  winsize size{};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ::ioctl(near_.number(), TIOCSWINSZ, &size);
}

bool terminal::show() {
  char room[4096];
  const ssize_t count = ::read(near_.number(), room, sizeof room);
  return count > 0 && write_whole(STDOUT_FILENO, room, static_cast<std::size_t>(count));
}

void terminal::pass_on(int milliseconds) {
  pollfd ends[] = {{near_.number(), POLLIN, 0}, {typing_ ? STDIN_FILENO : -1, POLLIN, 0}};
  if (::poll(ends, 2, milliseconds) <= 0) return;
  if ((ends[0].revents & POLLIN) != 0) show();
  if (ends[1].revents == 0) return;
  char room[4096];
  const ssize_t count = ::read(STDIN_FILENO, room, sizeof room);
  typing_ = count > 0 && write_whole(near_.number(), room, static_cast<std::size_t>(count));
}

void terminal::drain() {
  pollfd end{near_.number(), POLLIN, 0};
  while (::poll(&end, 1, 0) == 1 && (end.revents & POLLIN) != 0 && show()) {
  }
}

}  // namespace kiln::rehearsal
