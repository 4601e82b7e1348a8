#include "actors/worker/command/launcher/execute.hpp"

#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace kiln::launcher {
namespace {

void limit_files(const command_head& what) {
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

bool take_place(const command& what, const beginning& how) {
  if ((how.folder >= 0 && fchdir(how.folder) != 0) || dup2(how.in, 0) < 0 || dup2(how.out, 1) < 0 ||
      dup2(how.err, 2) < 0)
    return false;
  // For the keys that stop a program, and a shell's jobs. One that is another session's, or a pipe, stays as
  // it is.
  if (how.asked) ioctl(0, TIOCSCTTY, 0);
  // Another user's death signal is forgotten, so it comes last but for the filter, which may forbid any call.
  return close_range(3, ~0U, 0) == 0 && become(how.user) && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
         (what.filter.len == 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &what.filter) == 0);
}

}  // namespace

bool become(std::uint32_t user) {
  return user == same_user ||
         (syscall(SYS_setgroups, 0, nullptr) == 0 && syscall(SYS_setresgid, user, user, user) == 0 &&
          syscall(SYS_setresuid, user, user, user) == 0);
}

pid_t execute(const command& what, const beginning& how, start_outcome* outcome) {
  pid_t pid = vfork();
  if (pid != 0) return pid;

  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  setsid();
  if (how.rank != nullptr) how.rank->take();
  limit_files(what.head);
  int found = ENOENT;
  if (!take_place(what, how)) {
    found = errno;
    outcome->in_place = false;
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
  outcome->failure = found;
  _exit(127);
}

}  // namespace kiln::launcher
