#include "actors/worker/command/launcher_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "actors/worker/command/launcher/command_message.hpp"
#include "actors/worker/fault_owners.hpp"
#include "core/base/descriptors.hpp"

namespace kiln {
namespace {

static_assert(launcher::same_user == same_user);
constexpr int longest_end_ms = 5000;

/// The launcher's descriptors: nothing on the standard ones, the control_socket behind them. Its signals are
/// its own.
class spawn_settings {
public:
  explicit spawn_settings(int control_socket) {
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
    for (int standard = 0; standard < 3; ++standard)
      ::posix_spawn_file_actions_addopen(&files, standard, "/dev/null", standard == 0 ? O_RDONLY : O_WRONLY,
                                         0);
    ::posix_spawn_file_actions_adddup2(&files, control_socket, launcher::control_socket);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    // A session of its own: what is typed at our terminal is not meant for actions.
    ::posix_spawnattr_setflags(&attributes,
                               POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  }
  ~spawn_settings() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
  }
  spawn_settings(const spawn_settings&) = delete;
  spawn_settings& operator=(const spawn_settings&) = delete;

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
};

}  // namespace

expected<std::shared_ptr<launcher_process>> launcher_process::spawn(const std::string& path) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(system_error(errno, "making the launcher's control_socket"));
  descriptor ours(ends[0]);
  descriptor theirs(ends[1]);
  // dup2 onto itself would leave the descriptor to be closed; one that is not the control_socket's number is
  // fine.
  if (theirs.number() == launcher::control_socket)
    theirs = descriptor(::fcntl(theirs.number(), F_DUPFD_CLOEXEC, 4));
  spawn_settings settings(theirs.number());
  std::string name = "kiln-launcher";
  char* arguments[] = {name.data(), nullptr};
  char* environment[] = {nullptr};
  pid_t pid = 0;
  int fault =
      ::posix_spawn(&pid, path.c_str(), &settings.files, &settings.attributes, arguments, environment);
  if (fault != 0) return fail(system_error(fault, "starting the launcher " + path));
  theirs = descriptor();
  std::shared_ptr<launcher_process> made(new launcher_process(std::move(ours), pid));
  if (auto ready = made->wait_until_ready(); !ready) return failure(std::move(ready).error());
  return made;
}

expected<void> launcher_process::wait_until_ready() {
  char byte = 0;
  ssize_t size = 0;
  do {
    size = ::recv(control_socket_.number(), &byte, 1, 0);
  } while (size < 0 && errno == EINTR);
  if (size == 1) return {};
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (WIFEXITED(status) && WEXITSTATUS(status) == launcher::exit_no_proc)
    return fail(errc::failed_precondition, "commands need /proc, and a kernel that lists children there");
  return fail(errc::failed_precondition, "the launcher of commands ended at once, with wait status {}",
              status);
}

launcher_process::~launcher_process() {
  control_socket_ = descriptor();
  if (pid_ <= 0) return;
  // It waits for all that it runs; what hangs on a disk it waits for alone.
  descriptor end(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  pollfd watched{end.number(), POLLIN, 0};
  if (end && ::poll(&watched, 1, longest_end_ms) == 0) return;
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void launcher_process::kill_if_stopped() noexcept {
  siginfo_t news{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &news, WSTOPPED | WNOHANG) == 0 && news.si_pid == pid_)
    ::kill(pid_, SIGKILL);
}

bool launcher_process::send(const launcher::command_descriptors& with) noexcept {
  return launcher::send_command(control_socket_.number(), with, true);
}

expected<descriptor> make_command_image(const process_plan& plan, const process_place& where) {
  descriptor image(::memfd_create("kiln-command", MFD_CLOEXEC));
  if (!image) return failure(fault_of(purpose::own_folder, errno, "making room for a command"));
  launcher::command_head head;
  head.open_files = inherited_descriptor_limit();
  head.largest_file = plan.largest_file;
  head.paths = static_cast<std::uint32_t>(plan.paths.size());
  head.arguments = static_cast<std::uint32_t>(plan.arguments.size());
  head.variables = static_cast<std::uint32_t>(plan.environment.size());
  head.user = where.user;
  const process_sandbox none;
  const process_sandbox& in = where.sandbox != nullptr ? *where.sandbox : none;
  const process_group in_none;
  const auto& group = where.sandbox != nullptr && where.group != nullptr ? *where.group : in_none;
  const process_union alone;
  const process_union& below = where.sandbox != nullptr && where.below ? *where.below : alone;
  if (where.sandbox != nullptr) {
    head.sandboxed = 1;
    head.network = where.network ? 1 : 0;
    head.at_root = where.at_root ? 1 : 0;
    head.others_follow = where.others_follow ? 1 : 0;
    head.scratch_size = in.scratch_size;
    head.shown = static_cast<std::uint32_t>(in.shown.size());
    for (const auto& path : in.shown) head.shown_size += static_cast<std::uint32_t>(path.size() + 1);
    head.filter = static_cast<std::uint32_t>(in.filter.size());
    head.changes_in_memory = below.in_memory;
    head.layers = static_cast<std::uint32_t>(below.layers.size());
    head.folders = static_cast<std::uint32_t>(below.folders.size());
    head.group = group.number;
    head.doors = static_cast<std::uint32_t>(group.doors.size());
  }
  std::string content(reinterpret_cast<const char*>(&head), sizeof head);
  content.append(reinterpret_cast<const char*>(in.filter.data()), in.filter.size() * sizeof in.filter[0]);
  auto append = [&](std::string_view text) { content.append(text).push_back('\0'); };
  for (const auto* list : {&in.shown, &plan.paths, &plan.arguments, &plan.environment})
    for (const auto& text : *list) append(text);
  if (where.sandbox != nullptr) append(where.inside);
  for (const auto* list : {&below.layers, &below.folders, &group.doors})
    for (const auto& path : *list) append(path);
  // Memory of the machine, whatever disk the worker has.
  if (auto written = write_all(system_disk(), image, content, 0); !written)
    return failure(fault_of(purpose::own_folder, written.error().number, "making room for a command"));
  return image;
}

}  // namespace kiln
