#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#include <cerrno>

#include "actors/tools/probe/agent/looking.hpp"

// Who else runs there, and what can be learnt of them or done to them.
namespace kiln::probe_agent {
namespace {

void strangers(answer& found) {
  const bool listed = each_stranger([&](pid_t process) {
    char name[32];
    name_of(process, name);
    found.leak("%d %s", process, name);
  });
  if (!listed) found.note("/proc cannot be listed");
}

// Without /proc processes still have numbers.
void strangers_by_number(answer& found) {
  const pid_t starter = parent_of(agent_process);
  for (pid_t process = 2; process < 4096; ++process)
    if (process != starter && process != agent_process && process != getpid() && kill(process, 0) != 0 &&
        errno == EPERM)
      found.leak("%d", process);
}

// Whom we may send a signal: number 0 is the question alone. Where the first process has started us, it is
// that of a namespace of ours, or of a container: the kernel keeps such a one from signals from within, which
// only a signal could show.
void signals(answer& found) {
  const bool first_is_starter = parent_of(agent_process) == 1;
  each_other([&](pid_t process) {
    if ((process == 1 && first_is_starter) || kill(process, 0) != 0) return;
    char name[32];
    name_of(process, name);
    found.leak("%d %s", process, name);
  });
}

void look_at(answer& found, const char* what) {
  each_other([&](pid_t process) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", process, what);
    if (is_readable(path)) found.leak("%s", path);
  });
}
void environments(answer& found) {
  look_at(found, "environ");
}
void maps(answer& found) {
  look_at(found, "maps");
}
void memories(answer& found) {
  each_other([&](pid_t process) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", process);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    close(file);
    found.leak("%s", path);
  });
}
void descriptors(answer& found) {
  each_other([&](pid_t process) {
    char path[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", process);
    each_entry(path, [&](const char*) { ++count; });
    if (count > 0) found.leak("%s has %d entries", path, count);
  });
}

void follow(answer& found, const char* what) {
  each_other([&](pid_t process) {
    char path[64];
    char target[256];
    snprintf(path, sizeof path, "/proc/%d/%s", process, what);
    const ssize_t length = readlink(path, target, sizeof target - 1);
    if (length >= 0) found.leak("%s is %.*s", path, static_cast<int>(length), target);
  });
}
void roots(answer& found) {
  follow(found, "root");
}
void folders(answer& found) {
  follow(found, "cwd");
}
void namespaces(answer& found) {
  each_other([&](pid_t process) {
    for (const char* kind : {"mnt", "net", "pid", "user", "ipc", "uts"}) {
      char path[64];
      snprintf(path, sizeof path, "/proc/%d/ns/%s", process, kind);
      const int file = open(path, O_RDONLY | O_CLOEXEC);
      if (file < 0) continue;
      close(file);
      found.leak("%s", path);
    }
  });
}

// The kernel asks for the rights to trace before it looks at the address, which is nobody's. So no process is
// stopped.
void tracing(answer& found) {
  each_other([&](pid_t process) {
    char byte;
    iovec here{&byte, 1};
    iovec there{nullptr, 1};
    char name[32];
    name_of(process, name);
    if (process_vm_readv(process, &here, 1, &there, 1, 0) >= 0 || errno == EFAULT)
      found.leak("%d %s", process, name);
  });
}

void taken_descriptors(answer& found) {
  each_other([&](pid_t process) {
    const long handle = syscall(SYS_pidfd_open, process, 0);
    if (handle < 0) return;
    const long taken = syscall(SYS_pidfd_getfd, handle, 0, 0);
    if (taken >= 0) found.leak("descriptor 0 of %d", process);
    if (taken >= 0) close(static_cast<int>(taken));
    close(static_cast<int>(handle));
  });
}

void inherited(answer& found) {
  DIR* open = opendir("/proc/self/fd");
  if (open == nullptr) return found.untried("/proc/self/fd cannot be listed");
  while (const dirent* entry = readdir(open)) {
    const int number = atoi(entry->d_name);
    if (entry->d_name[0] == '.' || number <= STDERR_FILENO || number == dirfd(open)) continue;
    char target[128];
    const ssize_t length = readlinkat(dirfd(open), entry->d_name, target, sizeof target - 1);
    found.leak("%d is %.*s", number, length > 0 ? static_cast<int>(length) : 1, length > 0 ? target : "?");
  }
  closedir(open);
}

void host_name(answer& found) {
  utsname names{};
  uname(&names);
  char machine[128];
  if (first_bytes("/etc/hostname", machine, sizeof machine) <= 0)
    return found.note("it is %s", names.nodename);
  machine[strcspn(machine, "\n")] = '\0';
  if (machine[0] != '\0' && strcmp(machine, names.nodename) == 0) return found.leak("%s", names.nodename);
  found.note("it is %s", names.nodename);
}

void control_groups(answer& found) {
  each_line("/proc/self/cgroup", [&](const char* line) {
    const char* path = strrchr(line, ':');
    if (path != nullptr && strcmp(path, ":/") != 0) found.leak("%s", line);
  });
}

constexpr probe probes[] = {
    {"processes", "processes of others", strangers},
    {"processes", "processes of others, by number", strangers_by_number},
    {"processes", "signals to others", signals},
    {"processes", "environments of others", environments},
    {"processes", "descriptors of others", descriptors},
    {"processes", "descriptors taken from others", taken_descriptors},
    {"processes", "memory of others", memories},
    {"processes", "maps of others' memory", maps},
    {"processes", "tracing others", tracing},
    {"processes", "roots of others", roots},
    {"processes", "folders of others", folders},
    {"processes", "namespaces of others", namespaces},
    {"processes", "inherited descriptors", inherited},
    {"processes", "the machine's name", host_name},
    {"processes", "the place among control groups", control_groups},
};

}  // namespace

std::span<const probe> process_probes() noexcept {
  return probes;
}

}  // namespace kiln::probe_agent
