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

#include "actors/worker/command/launcher/command_message.hpp"
#include "actors/worker/command/launcher/execute.hpp"
#include "actors/worker/command/launcher/init.hpp"

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

void supervisor::stay_with(pid_t launcher) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != launcher) leave();  // it died before we could ask to be told
}

void supervisor::run(pid_t launcher, const command_descriptors& with) {
  with_ = with;
  stay_with(launcher);
  serve();
}

void supervisor::run_ahead(pid_t launcher, const furnishing& with, int orders) {
  stay_with(launcher);
  sandbox in(with, network_);
  clone_init(in, [&](int link) {
    close(orders);
    run_init_ahead(in, rank_, link);
  });
  if (!await_order(orders)) leave();
  close(orders);
  serve();
}

void supervisor::serve() {
  if (!begin()) leave();
  while (!over_) wait_for_news();
  remove_all();
  say_once();
  _exit(0);
}

/// Without a command, or without one that runs.
void supervisor::leave() {
  if (pid_ > 0) kill(pid_, SIGKILL);
  remove_all();
  _exit(0);
}

/// False if none comes any more.
bool supervisor::await_order(int orders) {
  for (;;) {
    pollfd ends[] = {{orders, POLLIN, 0}, {signals_, POLLIN, 0}};
    if (poll(ends, 2, -1) < 0) continue;
    if (ends[1].revents != 0) {
      signalfd_siginfo news;
      if (read(signals_, &news, sizeof news) == sizeof news && news.ssi_signo == SIGTERM) return false;
      int status = 0;
      const bool changed = pid_ > 0 && waitpid(pid_, &status, WNOHANG | WUNTRACED) == pid_;
      if (changed && WIFSTOPPED(status)) {
        kill(pid_, SIGKILL);
      } else if (changed) {
        // What was made ahead is of no use: the command may have better luck.
        close(link_);
        link_ = -1;
        pid_ = 0;
      }
    }
    if (ends[0].revents == 0) continue;
    const arrival came = receive_command(orders, with_);
    if (came != arrival::nothing) return came == arrival::command;
  }
}

bool supervisor::begin() {
  if (!read_image(with_.image, what_)) {
    say({word::not_started, errno != 0 ? errno : EINVAL});
    return false;
  }
  started_ = now_ns();
  sandboxed_ = what_.head.sandboxed != 0;
  if (pid_ > 0) {
    ahead_ = true;
    // One that has ended by now is made anew.
    (void)send_command(link_, with_);
    return true;
  }
  if (!(sandboxed_ ? begin_in_sandbox() : begin_here())) return false;
  let_go();
  return true;
}

/// Of what only the command needs.
void supervisor::let_go() {
  close_all({-1, with_.image, with_.folder, with_.out, with_.err, with_.in, with_.identities});
}

/// What was made ahead did not suit, or is gone.
void supervisor::begin_anew() {
  ahead_ = false;
  if (link_ >= 0) close(link_);
  link_ = -1;
  over_ = said_ = !begin_in_sandbox();
  let_go();
}

bool supervisor::begin_here() {
  start_outcome outcome;
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  beginning how{with_.folder, null, with_.out, with_.err, &rank_, what_.head.user};
  how.take_input(with_.in);
  pid_ = execute(what_, how, &outcome);
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

template <class Run>
bool supervisor::clone_init(const sandbox& in, Run run) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
  const pid_t pid = clone_into(in.namespaces());
  if (pid == 0) {
    close(ends[0]);
    run(ends[1]);
  }
  const int why = errno;
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    errno = why;
    return false;
  }
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  link_ = ends[0];
  pid_ = pid;
  return true;
}

/// Whether the command has started is heard of later.
bool supervisor::begin_in_sandbox() {
  const furnishing with = furnishing_of(what_);
  sandbox in(with, network_);
  if (clone_init(in, [&](int link) { run_init(what_, in, with_, rank_, link); })) return true;
  say({word::not_sandboxed, errno, 0, 0, 0, 0, sandbox_step::namespaces});
  return false;
}

void supervisor::wait_for_news() {
  pollfd ends[] = {{with_.control, POLLIN, 0}, {signals_, POLLIN, 0}, {link_, POLLIN, 0}};
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
  for (;;) {
    size = read(link_, &news, sizeof news);
    // The command that it did not take any more. What it said before is still there.
    if (size < 0 && errno == ECONNRESET) continue;
    if (size != sizeof news) break;
    switch (news.what) {
      case init_news::kind::fits:
        ahead_ = false;
        let_go();
        break;
      case init_news::kind::failed:
        if (ahead_) break;
        outcome_.what = news.at == sandbox_step::none ? word::not_started : word::not_sandboxed;
        outcome_.at = news.at;
        outcome_.number = news.number;
        outcome_.index = news.index;
        told_ = true;
        break;
      case init_news::kind::ended:
        outcome_.number = news.number;
        outcome_.elapsed_ns = news.ended_ns - started_;
        outcome_.user_us = news.user_us;
        outcome_.system_us = news.system_us;
        outcome_.peak_kib = news.peak_kib;
        told_ = true;
        // Nothing of it is left. How long the kernel takes to undo the sandbox is nobody's concern, but that
        // of the next to have its folder, which may not be a part of two unions.
        if (what_.head.layers == 0) say_once();
        break;
    }
  }
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  close(link_);
  link_ = -1;
}

void supervisor::take_order() {
  char byte = 0;
  ssize_t size = recv(with_.control, &byte, 1, MSG_DONTWAIT);
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
    pid_t pid = wait4(-1, &status, flags | WUNTRACED, &used);
    if (pid == 0) return true;
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0) return false;
    if (WIFSTOPPED(status)) {
      // No process of a sandbox can do that to its first one, which would hear of nothing any more.
      if (sandboxed_ && pid == pid_) kill(pid, SIGKILL);
      continue;
    }
    const bool first = pid == pid_;
    if (first && link_ >= 0) hear_init();
    if (first && ahead_ && !killed_) {
      begin_anew();
      flags = WNOHANG;
      continue;
    }
    if (!first || !told_) add(used);
    if (first) {
      over_ = true;
      if (!told_) {
        // Killed, and not by us: out of memory, or by somebody. That is no end of the command's, which the
        // worker hears of when we end without a word.
        if (sandboxed_ && !killed_ && outcome_.what == word::ended) said_ = true;
        outcome_.number = status;
        outcome_.elapsed_ns = now_ns() - started_;
      }
    }
    flags = WNOHANG;
  }
}

void supervisor::add(const rusage& used) {
  outcome_.user_us += in_us(used.ru_utime);
  outcome_.system_us += in_us(used.ru_stime);
  if (used.ru_maxrss > outcome_.peak_kib) outcome_.peak_kib = used.ru_maxrss;
}

void supervisor::say_once() {
  if (!said_) say(outcome_);
  said_ = true;
}

void supervisor::say(const report& what) {
  send(with_.control, &what, sizeof what, MSG_NOSIGNAL);
}

}  // namespace kiln::launcher
