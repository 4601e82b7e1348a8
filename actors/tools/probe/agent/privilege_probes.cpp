#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include <cerrno>

#include "actors/tools/probe/agent/looking.hpp"

// What rights an action has, and which it could get.
namespace kiln::probe_agent {
namespace {

/// A number of /proc/self/status; -1 without it.
long long status_number(const char* key, int base) {
  long long number = -1;
  const std::size_t length = strlen(key);
  each_line("/proc/self/status", [&](const char* line) {
    if (strncmp(line, key, length) == 0 && line[length] == ':')
      number = strtoll(line + length + 1, nullptr, base);
  });
  return number;
}

bool gets_no_privileges() {
  return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

void capabilities(answer& found) {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &head, sets) != 0) return found.untried("capget: %s", strerror(errno));
  const auto whole = [&](auto member) {
    return (static_cast<unsigned long long>(sets[1].*member) << 32) | sets[0].*member;
  };
  const auto effective = whole(&__user_cap_data_struct::effective);
  const auto permitted = whole(&__user_cap_data_struct::permitted);
  const auto inheritable = whole(&__user_cap_data_struct::inheritable);
  if (effective != 0) found.leak("effective 0x%llx", effective);
  if (permitted != 0) found.leak("permitted 0x%llx", permitted);
  if (inheritable != 0) found.leak("inheritable 0x%llx", inheritable);
}

void bounding_set(answer& found) {
  const long long set = status_number("CapBnd", 16);
  if (set < 0) return found.untried("/proc/self/status does not tell");
  if (set == 0) return;
  if (gets_no_privileges())
    found.note("0x%llx, of which no_new_privs lets it get none", set);
  else
    found.leak("0x%llx", set);
}

void new_privileges(answer& found) {
  if (!gets_no_privileges()) found.leak("no_new_privs is not set");
}

void call_filter(answer& found) {
  const int mode = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
  if (mode == 0) found.leak("there is none");
}

void user_programs(answer& found) {
  if (gets_no_privileges()) return found.note("no_new_privs leaves them without effect");
  for (const char* folder : {"/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin", "/usr/lib/openssh"})
    each_entry(folder, [&](const char* name) {
      const path_text path(folder, name);
      struct stat facts {};
      struct statvfs mounted {};
      if (lstat(path, &facts) == 0 && S_ISREG(facts.st_mode) && (facts.st_mode & S_ISUID) != 0 &&
          statvfs(path, &mounted) == 0 && (mounted.f_flag & ST_NOSUID) == 0)
        found.leak("%s", path.text);
    });
}

void other_users(answer& found) {
  // In this child alone.
  found.must_be_refused(setresuid(12345, 12345, 12345), {EINVAL});
}
void become_root(answer& found) {
  if (geteuid() == 0) return found.note("it is user 0 already");
  found.must_be_refused(setresuid(0, 0, 0), {EINVAL});
}
void other_groups(answer& found) {
  const gid_t group = 12345;
  found.must_be_refused(setgroups(1, &group), {EINVAL});
}

// Groups that stand for rights on most systems.
void mighty_groups(answer& found) {
  gid_t groups[256];
  const int count = getgroups(256, groups);
  const gid_t own = getegid();
  each_line("/etc/group", [&](const char* line) {
    char name[64] = {};
    unsigned number = 0;
    if (sscanf(line, "%63[^:]:%*[^:]:%u", name, &number) != 2) return;
    bool in = number == own && own != 0;
    for (int i = 0; i < count; ++i) in = in || (groups[i] == number && number != own);
    for (const char* mighty : {"root", "docker", "sudo", "wheel", "disk", "kvm", "shadow", "adm", "lxd",
                               "libvirt", "systemd-journal", "kmem", "podman"})
      if (in && strcmp(name, mighty) == 0) found.leak("%s", name);
  });
}

// Root without capabilities still owns root's files.
void machines_root(answer& found) {
  if (geteuid() != 0) return;
  bool is_machines = false;
  each_line("/proc/self/uid_map", [&](const char* line) {
    unsigned inside = 0, outside = 0;
    if (sscanf(line, "%u %u", &inside, &outside) == 2 && inside == 0 && outside == 0) is_machines = true;
  });
  struct stat facts {};
  const bool owns = stat("/etc/passwd", &facts) == 0 && facts.st_uid == 0;
  if (is_machines && owns) found.leak("it is user 0, who owns the system's files");
}

void user_namespaces(answer& found) {
  found.must_be_refused(unshare(CLONE_NEWUSER), {ENOSPC, EUSERS, EINVAL});
}

void cloned_namespaces(answer& found) {
  const long child = syscall(SYS_clone, CLONE_NEWUSER | 17, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) _exit(0);
  found.must_be_refused(child, {ENOSPC, EUSERS, EINVAL});
}

void cloned_namespaces_3(answer& found) {
  struct {
    unsigned long long flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
  } wanted{};
  wanted.flags = CLONE_NEWUSER;
  wanted.exit_signal = 17;
  const long child = syscall(SYS_clone3, &wanted, sizeof wanted);
  if (child == 0) _exit(0);
  found.must_be_refused(child, {ENOSPC, EUSERS, EINVAL});
}

void other_namespaces(answer& found) {
  for (int kind : {CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP})
    found.must_be_refused(unshare(kind), {ENOSPC, EUSERS, EINVAL});
}

// In this child alone, and only to where it is already, unless the first process is elsewhere.
void entered_namespaces(answer& found) {
  for (const char* path : {"/proc/1/ns/net", "/proc/1/ns/mnt", "/proc/1/ns/uts", "/proc/1/ns/ipc"}) {
    const int where = open(path, O_RDONLY | O_CLOEXEC);
    if (where < 0)
      found.note("%s", strerrorname_np(errno));
    else
      found.must_be_refused(setns(where, 0));
    if (where >= 0) close(where);
  }
}

constexpr probe probes[] = {
    {"privileges", "capabilities", capabilities},
    {"privileges", "capabilities that it could get", bounding_set},
    {"privileges", "new privileges", new_privileges},
    {"privileges", "programs that set the user", user_programs},
    {"privileges", "the machine's root", machines_root},
    {"privileges", "becoming root", become_root},
    {"privileges", "becoming another user", other_users},
    {"privileges", "joining groups", other_groups},
    {"privileges", "groups that stand for rights", mighty_groups},
    {"privileges", "user namespaces", user_namespaces},
    {"privileges", "user namespaces by clone", cloned_namespaces},
    {"privileges", "user namespaces by clone3", cloned_namespaces_3},
    {"privileges", "other namespaces", other_namespaces},
    {"privileges", "namespaces of the first process", entered_namespaces},
    {"privileges", "the filter of system calls", call_filter},
};

}  // namespace

std::span<const probe> privilege_probes() noexcept {
  return probes;
}

}  // namespace kiln::probe_agent
