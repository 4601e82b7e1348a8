#include "actors/tools/probe/agent/leaving.hpp"

#include <arpa/inet.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include <cstddef>

#include "actors/tools/probe/agent/looking.hpp"

namespace kiln::probe_agent {
namespace {

constexpr unsigned longest_life_seconds = 60;
constexpr const char* folders_for_all[] = {"/tmp", "/var/tmp", "/dev/shm", "/run", "/var/lib", "/"};

leaving left;

socklen_t abstract_address(sockaddr_un& where) {
  where = {};
  where.sun_family = AF_UNIX;
  const int length = snprintf(where.sun_path + 1, sizeof where.sun_path - 1, "%s", left.file_name);
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + static_cast<std::size_t>(length));
}

sockaddr_in port_address(std::uint16_t port) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return where;
}

void wait_milliseconds(long count) {
  timespec time{count / 1000, count % 1000 * 1'000'000};
  nanosleep(&time, nullptr);
}

void leave_files() {
  for (const char* folder : folders_for_all) {
    const path_text path(folder, left.file_name);
    const int file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    if (file >= 0) close(file);
  }
  const int own = open(left.file_name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  if (own >= 0) close(own);
}

void leave_memory() {
  shmget(left.key, 4096, IPC_CREAT | IPC_EXCL | 0600);
  semget(left.key, 1, IPC_CREAT | IPC_EXCL | 0600);
  msgget(left.key, IPC_CREAT | IPC_EXCL | 0600);
  const path_text name("", left.file_name);
  const mqd_t queue = mq_open(name, O_CREAT | O_EXCL | O_RDONLY, 0600, nullptr);
  if (queue >= 0) mq_close(queue);
}

void leave_key() {
  const long key =
      syscall(SYS_add_key, "user", left.file_name, left.token, strlen(left.token), KEY_SPEC_USER_KEYRING);
  if (key > 0) syscall(SYS_keyctl, KEYCTL_SET_TIMEOUT, key, longest_life_seconds);
}

void change(const char* path) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0 && chmod(path, 0644) == 0) file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  [[maybe_unused]] auto written = pwrite(file, "changed", 7, 0);
  close(file);
}

void change_inputs() {
  change(plain_input);
  change(executable_input);
  change(deep_input);
  chmod(other_deep_input, odd_mode);
  chmod(input_folder, 0755);
  const path_text more(input_folder, left.file_name);
  const int file = open(more, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  if (file >= 0) close(file);
}

void start_daemon() {
  const pid_t middle = fork();
  if (middle == 0) {
    setsid();
    if (fork() == 0) execl("/proc/self/exe", "kiln-probe-agent", "daemon", left.token, nullptr);
    _exit(0);
  }
  if (middle > 0) waitpid(middle, nullptr, 0);
  // It has to be there before this action ends.
  int caller = -1;
  for (int tries = 0; tries < 100 && caller < 0; ++tries) {
    caller = call_daemon();
    if (caller < 0) wait_milliseconds(20);
  }
  if (caller >= 0) close(caller);
}

// Who closes first is remembered by the kernel for a minute, and that, too, is something to be seen.
void leave_connection() {
  const sockaddr_in where = port_address(static_cast<std::uint16_t>(left.port + 1));
  const auto* address = reinterpret_cast<const sockaddr*>(&where);
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int caller = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int called = -1;
  if (bind(listener, address, sizeof where) == 0 && listen(listener, 1) == 0 &&
      connect(caller, address, sizeof where) == 0)
    called = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  close(caller);
  if (called >= 0) close(called);
  close(listener);
}

}  // namespace

void use_token(const char* token) {
  snprintf(left.token, sizeof left.token, "%s", token);
  snprintf(left.file_name, sizeof left.file_name, "kiln-probe-%s", left.token);
  const auto number = strtoull(left.token, nullptr, 16);
  left.key = static_cast<int>(number & 0x7fffffff) | 1;
  // Below the ports that the kernel gives to whoever asks for any.
  left.port = static_cast<std::uint16_t>(12000 + number % 20000);
}

const leaving& what_is_left() noexcept {
  return left;
}

int call_daemon() {
  sockaddr_un where;
  const socklen_t size = abstract_address(where);
  const int caller = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (caller >= 0 && connect(caller, reinterpret_cast<sockaddr*>(&where), size) == 0) return caller;
  if (caller >= 0) close(caller);
  return -1;
}

void leave_everything() {
  leave_files();
  leave_memory();
  leave_key();
  change_inputs();
  start_daemon();
  leave_connection();
}

void clean_up() {
  for (const char* folder : folders_for_all) unlink(path_text(folder, left.file_name));
  if (const int segment = shmget(left.key, 0, 0); segment >= 0) shmctl(segment, IPC_RMID, nullptr);
  if (const int set = semget(left.key, 0, 0); set >= 0) semctl(set, 0, IPC_RMID);
  if (const int queue = msgget(left.key, 0); queue >= 0) msgctl(queue, IPC_RMID, nullptr);
  mq_unlink(path_text("", left.file_name));
  const long key = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", left.file_name, 0);
  if (key > 0) syscall(SYS_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_USER_KEYRING);
}

void run_daemon(const char* token) {
  use_token(token);
  alarm(longest_life_seconds);
  if (chdir("/") != 0) _exit(1);
  // Whoever waits for the action's output must not wait for us.
  const int null = open("/dev/null", O_RDWR);
  for (int number = 0; number <= 2; ++number)
    if (null < 0 || dup2(null, number) < 0) close(number);
  const int abstract = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int port = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in where = port_address(left.port);
  if (bind(port, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0) listen(port, 8);
  sockaddr_un name;
  const socklen_t size = abstract_address(name);
  if (bind(abstract, reinterpret_cast<sockaddr*>(&name), size) == 0) listen(abstract, 8);
  for (;;) pause();
}

}  // namespace kiln::probe_agent
