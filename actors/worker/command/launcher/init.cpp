#include "actors/worker/command/launcher/init.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

#include "actors/worker/command/launcher/command_message.hpp"
#include "actors/worker/command/launcher/execute.hpp"

namespace kiln::launcher {
namespace {

void tell(int link, const init_news& what) {
  // Nobody may be there any more.
  [[maybe_unused]] auto sent = send(link, &what, sizeof what, MSG_NOSIGNAL);
}

[[noreturn]] void fail(int link, sandbox_step at, int why, std::uint32_t index = 0) {
  tell(link, {init_news::kind::failed, at, why, index});
  _exit(1);
}

std::int64_t in_us(const timeval& t) {
  return std::int64_t{t.tv_sec} * 1'000'000 + t.tv_usec;
}

std::int64_t moment_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

/// Whether our supervisor lives. If it ended before we asked to be told of that, nobody else tells us.
bool is_heard(int link) {
  pollfd end{link, 0, 0};
  return poll(&end, 1, 0) == 0;
}

/// To the worker, with what is open of a union: nobody else could reach it when the sandbox is gone.
void say_started(int control, int view) {
  report said{word::started};
  iovec piece{&said, sizeof said};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof view)] = {};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (view >= 0) {
    message.msg_control = room;
    message.msg_controllen = sizeof room;
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof view);
    memcpy(CMSG_DATA(head), &view, sizeof view);
  }
  while (sendmsg(control, &message, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

/// Until the command's end; its wait status.
int wait_for(pid_t command) {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGCHLD);
  sigaddset(&wanted, SIGTERM);
  for (;;) {
    for (;;) {
      int status = 0;
      const pid_t pid = waitpid(-1, &status, WNOHANG);
      if (pid == command) return status;
      if (pid <= 0) break;
    }
    // Whoever is in none of our namespaces has no number here. The others are no concern of ours.
    siginfo_t news{};
    if (sigwaitinfo(&wanted, &news) == SIGTERM && news.si_pid == 0) kill(-command, SIGTERM);
  }
}

/// All others in our process namespace: they descend from us, so none is left when we have no child.
void remove_others() {
  for (;;) {
    const pid_t pid = waitpid(-1, nullptr, WNOHANG);
    if (pid < 0 && errno == ECHILD) return;
    if (pid > 0) continue;
    kill(-1, SIGKILL);
    if (waitpid(-1, nullptr, 0) < 0 && errno == ECHILD) return;
  }
}

init_news end_with(int status, std::int64_t when) {
  init_news news{init_news::kind::ended, sandbox_step::none, status};
  news.ended_ns = when;
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  news.user_us = in_us(used.ru_utime);
  news.system_us = in_us(used.ru_stime);
  news.peak_kib = used.ru_maxrss;
  return news;
}

void stand_apart(const oom_rank& rank) {
  setsid();
  // Before nobody may look at us any more, not even we.
  rank.take();
}

[[noreturn]] void run_in(const command& what, sandbox& in, const command_descriptors& with, int link) {
  sandbox::entered here;
  if (auto failed = in.enter(what, with, here); failed != sandbox_step::none)
    fail(link, failed, errno, here.index);
  // To its processes we are one of them, and of their user.
  if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
    fail(link, sandbox_step::privileges, errno);
  if (!is_heard(link)) _exit(1);
  // That of the sandbox: whatever is done to it is not done to the machine's.
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0) fail(link, sandbox_step::devices, errno);
  start_outcome outcome;
  beginning how;
  how.in = null;
  how.out = with.out;
  how.err = with.err;
  how.take_input(with.in);
  const pid_t command = execute(what, how, &outcome);
  if (command < 0) fail(link, sandbox_step::none, errno);
  if (outcome.failure != 0)
    fail(link, outcome.in_place ? sandbox_step::none : sandbox_step::privileges, outcome.failure);
  say_started(with.control, here.view);
  close_all(with);
  for (int mine : {null, here.view})
    if (mine >= 0) close(mine);
  const int status = wait_for(command);
  const std::int64_t when = moment_ns();
  remove_others();
  tell(link, end_with(status, when));
  _exit(0);
}

}  // namespace

void run_init(const command& what, sandbox& in, const command_descriptors& with, const oom_rank& rank,
              int link) {
  stand_apart(rank);
  if (auto failed = in.furnish(); failed != sandbox_step::none) fail(link, failed, errno);
  run_in(what, in, with, link);
}

void run_init_ahead(sandbox& in, const oom_rank& rank, int link) {
  stand_apart(rank);
  if (auto failed = in.furnish(); failed != sandbox_step::none) fail(link, failed, errno);
  command_descriptors with;
  arrival came = arrival::nothing;
  while (came == arrival::nothing) came = receive_command(link, with);
  if (came == arrival::closed || !in.is_current()) _exit(0);
  tell(link, {init_news::kind::fits});
  command what;
  if (!read_image(with.image, what)) fail(link, sandbox_step::none, errno != 0 ? errno : EINVAL);
  run_in(what, in, with, link);
}

}  // namespace kiln::launcher
