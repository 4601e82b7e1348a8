#include "actors/worker/command/launcher/supervisor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

namespace kiln::launcher {
namespace {

std::int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

std::int64_t in_us(const timeval& t) {
  return std::int64_t{t.tv_sec} * 1'000'000 + t.tv_usec;
}

struct command {
  std::uint64_t open_files = 0;  // as in the head
  std::uint64_t largest_file = 0;
  const char** paths = nullptr;  // each of the three ends with a null
  char** arguments = nullptr;    // with room for one more in front
  char** variables = nullptr;
  std::uint32_t user = same_user;
};

/// The system calls themselves: a library would set every thread's, and we share memory with our parent here.
bool become(std::uint32_t user) {
  return user == same_user ||
         (syscall(SYS_setgroups, 0, nullptr) == 0 && syscall(SYS_setresgid, user, user, user) == 0 &&
          syscall(SYS_setresuid, user, user, user) == 0);
}

bool read_image(int image, command& into) {
  struct stat facts {};
  if (fstat(image, &facts) != 0 || static_cast<std::size_t>(facts.st_size) < sizeof(command_head))
    return false;
  auto size = static_cast<std::size_t>(facts.st_size);
  void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, image, 0);
  if (mapped == MAP_FAILED) return false;
  auto* begin = static_cast<char*>(mapped);
  command_head head;
  memcpy(&head, begin, sizeof head);
  into.user = head.user;
  into.open_files = head.open_files;
  into.largest_file = head.largest_file;
  std::size_t strings = std::size_t{head.paths} + head.arguments + head.variables;
  auto* pointers = static_cast<char**>(calloc(strings + 4, sizeof(char*)));
  if (pointers == nullptr) return false;
  into.paths = const_cast<const char**>(pointers);
  into.arguments = pointers + head.paths + 2;
  into.variables = into.arguments + head.arguments + 1;

  char* at = begin + sizeof head;
  char* end = begin + size;
  auto take = [&](char** list, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      auto* nul = static_cast<char*>(memchr(at, '\0', static_cast<std::size_t>(end - at)));
      if (nul == nullptr) return false;
      list[i] = at;
      at = nul + 1;
    }
    return true;
  };
  return take(pointers, head.paths) && take(into.arguments, head.arguments) &&
         take(into.variables, head.variables);
}

void limit_files(const command& what) {
  rlimit limit{};
  if (what.largest_file != 0 && getrlimit(RLIMIT_FSIZE, &limit) == 0) {
    if (limit.rlim_max > what.largest_file) limit.rlim_max = what.largest_file;
    if (limit.rlim_cur > limit.rlim_max) limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  // The server's own limit is raised, and it is no gift: there are programs that close each number up to it.
  if (what.open_files != 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0 && what.open_files < limit.rlim_cur) {
    limit.rlim_cur = what.open_files;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

/// Returns if that cannot be done either. For the child of a vfork: its parent has no use for the arguments
/// any more.
void run_by_shell(const command& what, const char* path) {
  static char shell[] = "/bin/sh";
  char** arguments = what.arguments - 1;
  arguments[0] = shell;
  arguments[1] = const_cast<char*>(path);
  execve(shell, arguments, what.variables);
}

/// The command's pid, or -1 with the errno of what failed. The child shares our memory until it executes,
/// which spares copying the page tables.
pid_t start(const command& what, const command_descriptors& with, const oom_rank& rank, int null,
            volatile int* failure) {
  pid_t pid = vfork();
  if (pid != 0) return pid;

  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  setsid();
  rank.take();
  limit_files(what);
  int found = ENOENT;
  // Another user's death signal is forgotten, so it comes last.
  if (fchdir(with.folder) != 0 || dup2(null, 0) < 0 || dup2(with.out, 1) < 0 || dup2(with.err, 2) < 0 ||
      close_range(3, ~0U, 0) != 0 || !become(what.user) || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
    found = errno;
  } else {
    for (const char** path = what.paths; *path != nullptr; ++path) {
      execve(*path, what.arguments, what.variables);
      // A script that does not say by what it is run: by the shell, as execvp does it.
      if (errno == ENOEXEC) run_by_shell(what, *path);
      // As a shell searches: what is not there is passed over, what may not be run is remembered.
      if (errno == ENOENT || errno == ENOTDIR) continue;
      found = errno;
      if (errno != EACCES) break;
    }
  }
  *failure = found;
  _exit(127);
}

}  // namespace

void supervisor::kill_children() {
  if (children_.read()) children_.for_each([](pid_t pid) { kill(pid, SIGKILL); });
}

void supervisor::run(pid_t launcher) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != launcher) _exit(0);  // it died before we could ask to be told
  if (!begin()) _exit(0);
  while (!over_) wait_for_news();
  remove_all();
  say(outcome_);
  _exit(0);
}

bool supervisor::begin() {
  command what;
  volatile int failure = 0;
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || !read_image(deps_.image, what)) {
    say({word::not_started, errno != 0 ? errno : EINVAL});
    return false;
  }
  started_ = now_ns();
  pid_ = start(what, deps_, rank_, null, &failure);
  if (pid_ < 0) failure = errno;
  if (pid_ > 0 && failure != 0) waitpid(pid_, nullptr, 0);
  if (failure != 0) {
    say({word::not_started, failure});
    return false;
  }
  close(deps_.image);
  close(deps_.folder);
  close(deps_.out);
  close(deps_.err);
  say({word::started});
  return true;
}

void supervisor::wait_for_news() {
  pollfd ends[] = {{deps_.control, POLLIN, 0}, {signals_, POLLIN, 0}};
  if (poll(ends, 2, -1) < 0) return;
  if (ends[0].revents != 0) take_order();
  if (ends[1].revents != 0) {
    signalfd_siginfo news;
    if (read(signals_, &news, sizeof news) == sizeof news && news.ssi_signo == SIGTERM) lose_command();
  }
  reap(WNOHANG);
}

void supervisor::take_order() {
  char byte = 0;
  ssize_t size = recv(deps_.control, &byte, 1, MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size == 1)
    kill(-pid_, SIGTERM);
  else
    kill_command();
}

/// The launcher is gone. Whether the command could have ended well is not known any more.
void supervisor::lose_command() {
  reap(WNOHANG);
  if (!over_) outcome_.what = word::lost;
  kill_command();
}

void supervisor::kill_command() {
  kill(-pid_, SIGKILL);
  kill_children();
  remove_all();
}

/// Kills until no child is left. Each round kills the children; theirs become ours and are next.
void supervisor::remove_all() {
  for (;;) {
    if (!reap(WNOHANG)) return;
    kill_children();
    if (!reap(0)) return;
  }
}

/// Takes in the dead; false if there is no child at all. With 0 it waits for one.
bool supervisor::reap(int flags) {
  for (;;) {
    int status = 0;
    rusage used{};
    pid_t pid = wait4(-1, &status, flags, &used);
    if (pid == 0) return true;
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0) return false;
    outcome_.user_us += in_us(used.ru_utime);
    outcome_.system_us += in_us(used.ru_stime);
    if (used.ru_maxrss > outcome_.peak_kib) outcome_.peak_kib = used.ru_maxrss;
    if (pid == pid_) {
      over_ = true;
      outcome_.number = status;
      outcome_.elapsed_ns = now_ns() - started_;
    }
    flags = WNOHANG;
  }
}

void supervisor::say(const report& what) {
  send(deps_.control, &what, sizeof what, MSG_NOSIGNAL);
}

}  // namespace kiln::launcher
