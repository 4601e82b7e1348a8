#include "actors/worker/command/launcher/identity_maps.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace kiln::launcher {
namespace {

bool write_map(pid_t of, const char* name, std::uint32_t user) {
  char path[64];
  char line[32];
  snprintf(path, sizeof path, "/proc/%d/%s", static_cast<int>(of), name);
  snprintf(line, sizeof line, "0 %u 1", user);
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const auto size = static_cast<ssize_t>(strlen(line));
  const bool done = write(file, line, static_cast<std::size_t>(size)) == size;
  close(file);
  return done;
}

int make_map(std::uint32_t user) {
  const pid_t parent = getpid();
  const auto holder =
      static_cast<pid_t>(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, 0UL));
  if (holder < 0) return -1;
  if (holder == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == parent) pause();
    _exit(0);
  }
  int map = -1;
  if (write_map(holder, "uid_map", user) && write_map(holder, "gid_map", user)) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/user", static_cast<int>(holder));
    map = open(path, O_RDONLY | O_CLOEXEC);
  }
  const int why = errno;
  kill(holder, SIGKILL);
  waitpid(holder, nullptr, 0);
  errno = why;
  return map;
}

}  // namespace

int identity_maps::of(std::uint32_t user) {
  for (std::size_t i = 0; i < count_; ++i)
    if (all_[i].user == user) return all_[i].map;
  if (count_ == most) forget_all();
  const int map = make_map(user);
  if (map >= 0) all_[count_++] = {user, map};
  return map;
}

void identity_maps::close_others(int map) const {
  for (std::size_t i = 0; i < count_; ++i)
    if (all_[i].map != map) close(all_[i].map);
}

void identity_maps::forget_all() {
  for (std::size_t i = 0; i < count_; ++i) close(all_[i].map);
  count_ = 0;
}

}  // namespace kiln::launcher
