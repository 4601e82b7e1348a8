#include <linux/keyctl.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include <cerrno>

#include "actors/tools/probe/agent/leaving.hpp"
#include "actors/tools/probe/agent/looking.hpp"

// What is left of the action before.
namespace kiln::probe_agent {
namespace {

void files_in(answer& found, std::initializer_list<const char*> folders) {
  struct stat facts {};
  for (const char* folder : folders) {
    const path_text path(folder, what_is_left().file_name);
    if (lstat(path, &facts) == 0) found.leak("%s", path.text);
  }
}
void temporary_files(answer& found) {
  files_in(found, {"/tmp", "/var/tmp"});
}
void shared_files(answer& found) {
  files_in(found, {"/dev/shm"});
}
void other_files(answer& found) {
  files_in(found, {"/run", "/var/lib", "/"});
}
void own_files(answer& found) {
  files_in(found, {".", input_folder});
}

// It is known by its arguments, which hold the token, and is ended once it is found.
pid_t daemon_process() {
  pid_t which = 0;
  each_entry("/proc", [&](const char* name) {
    const pid_t process = atoi(name);
    char path[64];
    char words[256];
    snprintf(path, sizeof path, "/proc/%d/cmdline", process);
    if (process <= 1 || first_bytes(path, words, sizeof words) <= 0) return;
    const char* order = words + strlen(words) + 1;
    if (order + 8 < words + sizeof words && strcmp(order, "daemon") == 0 &&
        strcmp(order + strlen(order) + 1, what_is_left().token) == 0)
      which = process;
  });
  return which;
}

void daemon_socket(answer& found) {
  if (call_daemon() >= 0) found.leak("@%s answers", what_is_left().file_name);
}

void port(answer& found, unsigned wanted) {
  each_line("/proc/net/tcp", [&](const char* line) {
    unsigned local = 0, remote = 0;
    if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%x", &local, &remote) == 2 &&
        (local == wanted || remote == wanted))
      found.leak("port %u", wanted);
  });
}
void daemon_port(answer& found) {
  port(found, what_is_left().port);
}
void old_connection(answer& found) {
  port(found, what_is_left().port + 1U);
}

void daemon(answer& found) {
  const pid_t process = daemon_process();
  if (process == 0) return;
  found.leak("process %d", process);
  kill(process, SIGKILL);
}

void segment(answer& found) {
  if (shmget(what_is_left().key, 0, 0) >= 0) found.leak("key 0x%x", what_is_left().key);
}
void semaphore(answer& found) {
  if (semget(what_is_left().key, 0, 0) >= 0) found.leak("key 0x%x", what_is_left().key);
}
void queue(answer& found) {
  if (msgget(what_is_left().key, 0) >= 0) found.leak("key 0x%x", what_is_left().key);
  const path_text name("", what_is_left().file_name);
  const mqd_t open = mq_open(name, O_RDONLY);
  if (open >= 0 || errno == EACCES) found.leak("%s", name.text);
}
void key(answer& found) {
  if (syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", what_is_left().file_name, 0) > 0)
    found.leak("%s", what_is_left().file_name);
}

void unchanged(answer& found, const char* path) {
  char text[128];
  if (first_bytes(path, text, sizeof text) < 0) return found.leak("%s: %s", path, strerrorname_np(errno));
  char wanted[128];
  snprintf(wanted, sizeof wanted, "%s of %s\n", path, what_is_left().token);
  if (strcmp(text, wanted) != 0) found.leak("%s holds \"%.40s\"", path, text);
}
void plain_input_unchanged(answer& found) {
  unchanged(found, plain_input);
}
void executable_input_unchanged(answer& found) {
  unchanged(found, executable_input);
}
void deep_input_unchanged(answer& found) {
  unchanged(found, deep_input);
}
void mode_unchanged(answer& found) {
  struct stat facts {};
  if (stat(other_deep_input, &facts) != 0)
    return found.leak("%s: %s", other_deep_input, strerrorname_np(errno));
  if ((facts.st_mode & 0777) == odd_mode)
    found.leak("%s has mode 0%o", other_deep_input, facts.st_mode & 07777);
}

constexpr probe probes[] = {
    {"leftovers", "its abstract socket", daemon_socket},
    {"leftovers", "its listening port", daemon_port},
    {"leftovers", "its connections", old_connection},
    {"leftovers", "its temporary files", temporary_files},
    {"leftovers", "its files in /dev/shm", shared_files},
    {"leftovers", "its files elsewhere", other_files},
    {"leftovers", "its files in the input root", own_files},
    {"leftovers", "its shared memory", segment},
    {"leftovers", "its semaphores", semaphore},
    {"leftovers", "its message queues", queue},
    {"leftovers", "its keys", key},
    {"leftovers", "an input that it changed", plain_input_unchanged},
    {"leftovers", "a program that it changed", executable_input_unchanged},
    {"leftovers", "an input in a folder that it changed", deep_input_unchanged},
    {"leftovers", "a mode that it changed", mode_unchanged},
    {"leftovers", "a process of the action before", daemon},
};

}  // namespace

std::span<const probe> leftover_probes() noexcept {
  return probes;
}

}  // namespace kiln::probe_agent
