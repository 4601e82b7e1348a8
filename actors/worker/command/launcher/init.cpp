#include "actors/worker/command/launcher/init.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

#include "actors/worker/command/launcher/execute.hpp"

namespace kiln::launcher {
namespace {

void tell(int news, const init_news& what) {
  [[maybe_unused]] auto written = write(news, &what, sizeof what);
}

[[noreturn]] void fail(int news, sandbox_step at, int why, std::uint32_t index = 0) {
  tell(news, {init_news::kind::failed, at, why, 0, index});
  _exit(1);
}

std::int64_t moment_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

/// Whether our supervisor lives. If it ended before we asked to be told of that, nobody else tells us.
bool is_heard(int news) {
  pollfd end{news, 0, 0};
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

}  // namespace

void run_init(const command& what, const sandbox& in, const command_descriptors& with, const oom_rank& rank,
              int heard, int news) {
  close(heard);
  setsid();
  // Before nobody may look at us any more, not even we.
  rank.take();
  sandbox::entered here;
  if (auto failed = in.enter(with.folder, here); failed != sandbox_step::none)
    fail(news, failed, errno, here.index);
  // To its processes we are one of them, and of their user.
  if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
    fail(news, sandbox_step::privileges, errno);
  if (!is_heard(news)) _exit(1);
  // That of the sandbox: whatever is done to it is not done to the machine's.
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0) fail(news, sandbox_step::devices, errno);
  start_outcome outcome;
  beginning how;
  how.in = null;
  how.out = with.out;
  how.err = with.err;
  how.take_input(with.in);
  const pid_t command = execute(what, how, &outcome);
  if (command < 0) fail(news, sandbox_step::none, errno);
  if (outcome.failure != 0)
    fail(news, outcome.in_place ? sandbox_step::none : sandbox_step::privileges, outcome.failure);
  say_started(with.control, here.view);
  for (int mine : {with.control, with.image, with.folder, with.out, with.err, with.in, null, here.view})
    if (mine >= 0) close(mine);
  tell(news, {init_news::kind::started});
  const int status = wait_for(command);
  tell(news, {init_news::kind::ended, sandbox_step::none, status, moment_ns()});
  _exit(0);
}

}  // namespace kiln::launcher
