// The launcher: a small program inside ours that starts commands and leaves none of their processes behind.
//
// It is started once by the worker and forks one supervisor for each command; being small, it forks in no
// time, while the worker's own address space is large. A supervisor is a "subreaper": whatever descends from
// its command, with however many forks and sessions in between, becomes the supervisor's own child when its
// parent dies, so the supervisor can kill until it has no child left. The launcher is one as well, for the
// children of a supervisor that was killed itself.
//
// Plain system calls only, one thread, no exceptions.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

#include "actors/worker/command/launcher/children.hpp"
#include "actors/worker/command/launcher/command_image.hpp"
#include "actors/worker/command/launcher/command_message.hpp"
#include "actors/worker/command/launcher/group_hosts.hpp"
#include "actors/worker/command/launcher/identity_maps.hpp"
#include "actors/worker/command/launcher/network_pool.hpp"
#include "actors/worker/command/launcher/oom_rank.hpp"
#include "actors/worker/command/launcher/protocol.hpp"
#include "actors/worker/command/launcher/spare_sandbox.hpp"
#include "actors/worker/command/launcher/supervisor.hpp"

namespace {

using namespace kiln::launcher;

constexpr int quiet_ms = 10;

/// The supervisors alive.
class pid_table {
public:
  bool add(pid_t pid) {
    if (count_ == room_) {
      std::size_t more = room_ == 0 ? 64 : room_ * 2;
      auto* moved = static_cast<pid_t*>(realloc(pids_, more * sizeof(pid_t)));
      if (moved == nullptr) return false;
      pids_ = moved;
      room_ = more;
    }
    pids_[count_++] = pid;
    return true;
  }
  bool has(pid_t pid) const {
    for (std::size_t i = 0; i < count_; ++i)
      if (pids_[i] == pid) return true;
    return false;
  }
  bool remove(pid_t pid) {
    for (std::size_t i = 0; i < count_; ++i) {
      if (pids_[i] != pid) continue;
      pids_[i] = pids_[--count_];
      return true;
    }
    return false;
  }
  bool empty() const { return count_ == 0; }

private:
  pid_t* pids_ = nullptr;
  std::size_t count_ = 0;
  std::size_t room_ = 0;
};

class launcher_process {
public:
  int run() {
    if (!set_up()) return exit_no_setup;
    if (!children_.read()) return exit_no_proc;
    send(control_socket, "", 1, MSG_NOSIGNAL);  // ready
    return serve();
  }

private:
  int serve() {
    while (open_) {
      pollfd ends[] = {{control_, POLLIN, 0}, {signals_, POLLIN, 0}, {spare_.mounts(), POLLPRI, 0}};
      const int heard = poll(ends, 3, wants_spare_ ? quiet_ms : -1);
      if (heard < 0) continue;
      if (ends[2].revents != 0) give_up_spare();
      if (ends[1].revents != 0) on_signal();
      // Only where there is time for it: between commands that follow at once it would cost more than it
      // saves.
      if (heard == 0) make_spare();
      if (ends[0].revents != 0) on_order();
    }
    // Each supervisor sees by itself that the worker is gone. Nobody waits for us any more.
    hosts_.close_all();
    spare_.close_all();
    for (;;) {
      kill_strays();
      int status = 0;
      pid_t pid = waitpid(-1, &status, WUNTRACED);
      if (pid < 0 && errno == ECHILD) return 0;
      if (pid > 0) take_news_of(pid, status);
    }
  }

  bool set_up() {
    close_range(control_socket + 1, ~0U, 0);
    fcntl(control_socket, F_SETFD, FD_CLOEXEC);
    for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
    sigset_t mine;
    sigemptyset(&mine);
    sigaddset(&mine, SIGCHLD);
    sigaddset(&mine, SIGTERM);
    sigprocmask(SIG_SETMASK, &mine, nullptr);
    signals_ = signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK);

    umask(022);
    // No core file, nor a program of the machine's that is handed one: only a limit of 1 says both, see
    // core(5).
    rlimit no_core{1, 1};
    setrlimit(RLIMIT_CORE, &no_core);
    // A command that changes its user could no longer be killed by us.
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    rank_.read();
    spare_.watch_mounts();
    return signals_ >= 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
  }

  void on_signal() {
    signalfd_siginfo news;
    while (read(signals_, &news, sizeof news) == sizeof news)
      if (news.ssi_signo == SIGTERM) open_ = false;
    for (;;) {
      int status = 0;
      pid_t pid = waitpid(-1, &status, WNOHANG | WUNTRACED);
      if (pid <= 0) break;
      take_news_of(pid, status);
    }
    // Never waited for: one of them may hang on a disk, and there are others to serve.
    if (strays_) strays_ = kill_strays();
  }

  void take_news_of(pid_t pid, int status) {
    if (WIFSTOPPED(status)) {
      // By its command, for nobody else does that. It would neither hear of an end nor be told to bring one
      // about.
      if (supervisors_.has(pid) || hosts_.has(pid)) kill(pid, SIGKILL);
      spare_.forget(pid);
      return;
    }
    const bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    networks_.take_back(pid, well);
    spare_.forget(pid);
    if ((supervisors_.remove(pid) || hosts_.remove(pid)) && !well) strays_ = true;
  }

  /// A supervisor was killed: what it watched over are our children now, and theirs will be. False if there
  /// are none.
  bool kill_strays() {
    bool found = false;
    if (!children_.read()) return false;
    children_.for_each([&](pid_t pid) {
      if (supervisors_.has(pid) || hosts_.has(pid)) return;
      kill(pid, SIGKILL);
      found = true;
    });
    return found;
  }

  void on_order() {
    command_descriptors with{};
    switch (receive_command(control_, with)) {
      case arrival::closed:
        open_ = false;
        return;
      case arrival::nothing:
        return;
      case arrival::command:
        break;
    }
    const command_head head = head_of(with.image);
    if (head.group != group_) {
      hand_to_host(with, head.group);
    } else {
      start(with, head);
      wants_spare_ = !spare_.is_there() && spare_.can_be_like(head, with.image);
    }
    close_all(with);
  }

  /// What is in a control group of its own is started there by a process that stays in it: to move one from a
  /// group to another has the kernel wait for every processor, some tens of milliseconds.
  void hand_to_host(const command_descriptors& with, std::uint32_t group) {
    for (int tries = 0; tries < 2; ++tries) {
      int host = hosts_.find(group);
      if (host < 0) host = begin_host(with, group);
      if (host >= 0 && send_command(host, with)) return;
      hosts_.forget(group);
    }
    refuse(with, word::not_sandboxed, sandbox_step::group, errno != 0 ? errno : EAGAIN);
  }

  int begin_host(const command_descriptors& with, std::uint32_t group) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return -1;
    const pid_t self = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
      close(ends[0]);
      become_host(with, group, ends[1], self);
    }
    close(ends[1]);
    if (pid > 0 && hosts_.add(group, pid, ends[0])) return ends[0];
    if (pid > 0) kill(pid, SIGKILL);
    close(ends[0]);
    return -1;
  }

  /// A launcher in the group, with nothing running yet.
  [[noreturn]] void become_host(const command_descriptors& with, std::uint32_t group, int control,
                                pid_t parent) {
    close(control_);
    hosts_.close_all();
    supervisors_ = {};
    networks_.close_others(-1);
    networks_ = {};
    identities_.close_others(-1);
    identities_ = {};
    spare_.close_all();
    spare_.watch_mounts();
    strays_ = wants_spare_ = false;
    control_ = control;
    group_ = group;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(0);
    command what;
    bool joined = read_image(with.image, what);
    for (std::uint32_t i = 0; joined && i < what.head.doors; ++i) joined = join(what.doors[i]);
    if (!joined) {
      refuse(with, word::not_sandboxed, sandbox_step::group, errno);
      _exit(1);
    }
    close_all(with);
    _exit(serve());
  }

  static bool join(const char* door) {
    const int file = open(door, O_WRONLY | O_CLOEXEC);
    if (file < 0) return false;
    const bool done = write(file, "0", 1) == 1;
    const int why = errno;
    close(file);
    errno = why;
    return done;
  }

  static void refuse(const command_descriptors& with, word what, sandbox_step at, int why) {
    const report refusal{what, why, 0, 0, 0, 0, at};
    send(with.control, &refusal, sizeof refusal, MSG_NOSIGNAL);
  }

  void start(command_descriptors with, const command_head& head) {
    with.identities = needs_identities(head) ? identities_.of(head.user) : -1;
    if (spare_.take(head, with)) return;
    const bool own_network = head.sandboxed != 0 && head.network == 0;
    const pid_t pid = fork_supervisor(own_network, with.identities,
                                      [&](supervisor& forked, pid_t parent) { forked.run(parent, with); });
    if (pid >= 0) return;
    refuse(with, word::not_started, sandbox_step::none, errno);
  }

  /// It shows what was mounted before. Another one shows what is.
  void give_up_spare() {
    wants_spare_ = wants_spare_ || spare_.is_there();
    spare_.give_up();
  }

  /// For the next command, while this one runs, or after it.
  void make_spare() {
    wants_spare_ = false;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return;
    const pid_t pid = fork_supervisor(true, -1, [&](supervisor& forked, pid_t parent) {
      close(ends[0]);
      forked.run_ahead(parent, spare_.wanted(), ends[1]);
    });
    close(ends[1]);
    if (pid >= 0)
      spare_.keep(pid, ends[0]);
    else
      close(ends[0]);
  }

  /// -1 with an errno. `run` does not return.
  template <class Run>
  pid_t fork_supervisor(bool own_network, int identities, Run run) {
    const pid_t self = getpid();
    const int network = own_network ? networks_.take() : -1;
    const pid_t pid = fork();
    if (pid == 0) {
      close(control_);
      hosts_.close_all();
      spare_.close_all();
      networks_.close_others(network);
      identities_.close_others(identities);
      static supervisor forked(signals_, network, rank_);
      run(forked, self);
    }
    if (pid > 0 && network >= 0) networks_.lend(network, pid);
    if (pid < 0 || supervisors_.add(pid)) return pid;
    kill(pid, SIGTERM);
    errno = ENOMEM;
    return -1;
  }

  /// As it is made where the image is none, which is for the supervisor to say.
  static command_head head_of(int image) {
    command_head head;
    return pread(image, &head, sizeof head, 0) == sizeof head ? head : command_head();
  }

  int control_ = control_socket;
  std::uint32_t group_ = 0;  ///< that we are in; 0: the worker's
  int signals_ = -1;
  bool open_ = true;
  bool strays_ = false;       ///< there may be some
  bool wants_spare_ = false;  ///< one is to be made when there is nothing else to do
  child_list children_;
  pid_table supervisors_;
  group_hosts hosts_;
  network_pool networks_;
  identity_maps identities_;
  spare_sandbox spare_;
  oom_rank rank_;
};

}  // namespace

int main() {
  static launcher_process launcher;  // too large for a careful stack
  return launcher.run();
}
