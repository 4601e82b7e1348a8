#include "actors/worker/sandbox/system_call_filter.hpp"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>

#include "core/base/disk.hpp"

namespace kiln {
namespace {

struct release_filter {
  void operator()(void* filter) const noexcept { ::seccomp_release(filter); }
};
using filter_ptr = std::unique_ptr<void, release_filter>;

constexpr std::uint32_t by_halving = 2;

// Names, since not every machine has all of them. Tracing is left: sanitizers and debuggers of a test need
// it, and the only processes to be seen are the action's own.
constexpr const char* forbidden[] = {
    // mounts and roots
    "mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "mount_setattr",
    "fsopen", "fsconfig", "fsmount", "fspick", "setns", "quotactl", "quotactl_fd", "swapon", "swapoff",
    // files by number instead of by name
    "open_by_handle_at", "open_tree_attr",
    // the doings of others
    "fanotify_init",
    // the kernel itself
    "bpf", "perf_event_open", "init_module", "finit_module", "delete_module", "create_module", "kexec_load",
    "kexec_file_load", "reboot", "acct", "syslog", "vhangup", "iopl", "ioperm", "lookup_dcookie",
    "nfsservctl", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "stime",
    // shared by all users
    "add_key", "request_key", "keyctl",
    // the usual ways into the kernel
    "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "vmsplice", "move_pages",
    "migrate_pages", "mbind"};

/// Names that a machine does not have are no fault.
bool forbid(scmp_filter_ctx filter, const char* name) {
  const int number = ::seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR) return true;
  const int done = ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
  return done == 0 || done == -EDOM;
}

/// Its own user namespace would give it all rights within, and with them a large part of the kernel.
bool forbid_user_namespaces(scmp_filter_ctx filter) {
  const auto new_user = static_cast<scmp_datum_t>(CLONE_NEWUSER);
  const auto asked = SCMP_A0(SCMP_CMP_MASKED_EQ, new_user, new_user);
  return ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 1, asked) == 0 &&
         ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, asked) == 0 &&
         // What it is asked for lies in memory, where no filter sees it. Libraries take clone where it is
         // missing.
         ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
}

/// Families of sockets that no network namespace confines, like those to the hypervisor, or that have the
/// kernel load a module.
bool forbid_other_sockets(scmp_filter_ctx filter) {
  const auto refused = SCMP_ACT_ERRNO(EAFNOSUPPORT);
  bool fine = ::seccomp_rule_add(filter, refused, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GT, AF_NETLINK)) == 0;
  for (scmp_datum_t family = 0; family <= AF_NETLINK; ++family) {
    if (family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK) continue;
    fine =
        fine && ::seccomp_rule_add(filter, refused, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, family)) == 0;
  }
  return fine;
}

/// With a lease on a file that is shown, an action would hold up whoever opens it.
bool forbid_leases(scmp_filter_ctx filter) {
  bool fine = true;
  for (int call : {SCMP_SYS(fcntl), SCMP_SYS(fcntl64)}) {
    const int done =
        ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 1, SCMP_A1(SCMP_CMP_EQ, F_SETLEASE));
    fine = fine && (done == 0 || done == -EDOM);
  }
  return fine;
}

/// The first process of a sandbox is of the action's user, who could take its time or memory away.
bool forbid_limits_of_others(scmp_filter_ctx filter) {
  return ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prlimit64), 1,
                            SCMP_A0_32(SCMP_CMP_NE, 0)) == 0;
}

/// Words put into the input of a terminal are commands of whoever sits there.
bool forbid_typing(scmp_filter_ctx filter) {
  return ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                            SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffU, TIOCSTI)) == 0;
}

/// Programs for the machine's other, older form. -EEXIST: it is the form that there is.
bool add_other_forms(scmp_filter_ctx filter) {
  const std::uint32_t own = ::seccomp_arch_native();
  const std::uint32_t other = own == SCMP_ARCH_X86_64    ? SCMP_ARCH_X86
                              : own == SCMP_ARCH_AARCH64 ? SCMP_ARCH_ARM
                                                         : own;
  const int done = ::seccomp_arch_add(filter, other);
  return done == 0 || done == -EEXIST;
}

}  // namespace

expected<std::vector<std::uint64_t>> system_call_filter() {
  filter_ptr filter(::seccomp_init(SCMP_ACT_ALLOW));
  bool fine =
      filter && ::seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)) == 0 &&
      // By halving: when a process takes the filter, the kernel tries it with every call that there is.
      ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, by_halving) == 0 &&
      // The launcher says so itself.
      ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_NNP, 0) == 0 && add_other_forms(filter.get()) &&
      forbid_user_namespaces(filter.get()) && forbid_other_sockets(filter.get()) &&
      forbid_leases(filter.get()) && forbid_limits_of_others(filter.get()) && forbid_typing(filter.get());
  for (const char* name : forbidden) fine = fine && forbid(filter.get(), name);
  descriptor made(::memfd_create("kiln-filter", MFD_CLOEXEC));
  if (!fine || !made || ::seccomp_export_bpf(filter.get(), made.number()) != 0)
    return fail(errc::unimplemented, "no filter of system calls can be made for this machine");
  auto facts = system_disk().facts(made);
  if (!facts) return fail(facts.error().in_words("making a filter of system calls"));
  std::vector<std::uint64_t> instructions(facts->size / sizeof(std::uint64_t));
  auto count = read_all(system_disk(), made, {reinterpret_cast<char*>(instructions.data()), facts->size}, 0);
  if (!count) return fail(count.error().in_words("making a filter of system calls"));
  return instructions;
}

}  // namespace kiln
