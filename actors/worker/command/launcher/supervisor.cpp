#include "actors/worker/command/launcher/supervisor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "actors/worker/command/launcher/execute.hpp"

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

/// As fork, but into namespaces. The parent's memory is copied when it is written to, and there is little of
/// it.
pid_t clone_into(unsigned long namespaces) {
  return static_cast<pid_t>(syscall(SYS_clone, namespaces | SIGCHLD, nullptr, nullptr, nullptr, 0UL));
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
  if (!read_image(deps_.image, what)) {
    say({word::not_started, errno != 0 ? errno : EINVAL});
    return false;
  }
  started_ = now_ns();
  if (!(what.head.sandboxed != 0 ? begin_in_sandbox(what) : begin_here(what))) return false;
  close(deps_.image);
  close(deps_.folder);
  close(deps_.out);
  close(deps_.err);
  if (deps_.in >= 0) close(deps_.in);
  return true;
}

bool supervisor::begin_here(const command& what) {
  start_outcome outcome;
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  beginning how{deps_.folder, null, deps_.out, deps_.err, &rank_, what.head.user};
  how.take_input(deps_.in);
  pid_ = execute(what, how, &outcome);
  if (pid_ < 0) outcome.failure = errno;
  close(null);
  if (pid_ > 0 && outcome.failure != 0) waitpid(pid_, nullptr, 0);
  if (outcome.failure != 0) {
    say({word::not_started, outcome.failure});
    return false;
  }
  say({word::started});
  return true;
}

/// Whether the command has started is heard of later.
bool supervisor::begin_in_sandbox(const command& what) {
  const sandbox in(what, network_, identities_);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) == 0) {
    pid_ = clone_into(in.namespaces());
    if (pid_ == 0) run_init(what, in, deps_, rank_, ends[0], ends[1]);
  }
  if (pid_ <= 0) {
    say({word::not_sandboxed, errno, 0, 0, 0, 0, sandbox_step::namespaces});
    return false;
  }
  close(ends[1]);
  news_ = ends[0];
  sandboxed_ = true;
  fcntl(news_, F_SETFL, O_NONBLOCK);
  return true;
}

void supervisor::wait_for_news() {
  pollfd ends[] = {{deps_.control, POLLIN, 0}, {signals_, POLLIN, 0}, {news_, POLLIN, 0}};
  if (poll(ends, 3, -1) < 0) return;
  if (ends[2].revents != 0) hear_init();
  if (ends[0].revents != 0) take_order();
  if (ends[1].revents != 0) {
    signalfd_siginfo news;
    if (read(signals_, &news, sizeof news) == sizeof news && news.ssi_signo == SIGTERM) lose_command();
  }
  reap(WNOHANG);
}

void supervisor::hear_init() {
  init_news news;
  ssize_t size = 0;
  while ((size = read(news_, &news, sizeof news)) == sizeof news) {
    switch (news.what) {
      case init_news::kind::failed:
        outcome_.what = news.at == sandbox_step::none ? word::not_started : word::not_sandboxed;
        outcome_.at = news.at;
        outcome_.number = news.number;
        outcome_.index = news.index;
        told_ = true;
        break;
      case init_news::kind::started:  // which it has told the worker itself
        started_told_ = true;
        break;
      case init_news::kind::ended:
        outcome_.number = news.number;
        outcome_.elapsed_ns = news.ended_ns - started_;
        told_ = true;
        break;
    }
  }
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  close(news_);
  news_ = -1;
}

void supervisor::take_order() {
  char byte = 0;
  ssize_t size = recv(deps_.control, &byte, 1, MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size == 1)
    kill(sandboxed_ ? pid_ : -pid_, SIGTERM);  // the first process of a sandbox passes it on
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
  killed_ = true;
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
      if (news_ >= 0) hear_init();
      if (!told_) {
        // Killed before it came so far, and not by us: out of memory, or by somebody.
        if (sandboxed_ && !started_told_ && !killed_ && outcome_.what == word::ended) {
          outcome_.what = word::not_sandboxed;
          outcome_.at = sandbox_step::namespaces;
          status = EAGAIN;
        }
        outcome_.number = status;
        outcome_.elapsed_ns = now_ns() - started_;
      }
    }
    flags = WNOHANG;
  }
}

void supervisor::say(const report& what) {
  send(deps_.control, &what, sizeof what, MSG_NOSIGNAL);
}

}  // namespace kiln::launcher
