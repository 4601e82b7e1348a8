#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#if defined(__x86_64__)
#include <sys/io.h>
#endif

#include <cerrno>

#include "actors/tools/probe/agent/looking.hpp"

// The kernel itself: its keys, its clock, its modules, and the calls by which it is attacked most. Where a
// call would change the machine, it is made with something that the kernel refuses behind the question of
// rights.
namespace kiln::probe_agent {
namespace {

void keyctl(answer& found) {
  // Which keyring is the user's: shared by all of his processes.
  found.must_be_refused(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 0));
}
void add_key(answer& found) {
  // Into this child's own keyring.
  found.must_be_refused(syscall(SYS_add_key, "user", "kiln-probe", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}
void request_key(answer& found) {
  found.must_be_refused(syscall(SYS_request_key, "user", "kiln-probe-nothing", nullptr, 0));
}

// The keyrings that everybody has, and the kernel's own, are no news; what somebody put there is.
void keys_of_others(answer& found) {
  each_line("/proc/keys", [&](const char* line) {
    char kind[32] = {};
    char name[64] = {};
    if (sscanf(line, "%*s %*s %*s %*s %*s %*s %*s %31s %63s", kind, name) != 2) return;
    const bool is_usual = name[0] == '_' || name[0] == '.' || strncmp(name, "kiln-probe", 10) == 0;
    if (!is_usual) found.leak("%s %s", kind, name);
  });
}

void bpf(answer& found) {
  bpf_attr wanted{};
  wanted.map_type = BPF_MAP_TYPE_ARRAY;
  wanted.key_size = wanted.value_size = 4;
  wanted.max_entries = 1;
  found.must_be_refused(syscall(SYS_bpf, BPF_MAP_CREATE, &wanted, sizeof wanted));
}

void perf(answer& found) {
  perf_event_attr wanted{};
  wanted.size = sizeof wanted;
  wanted.type = PERF_TYPE_SOFTWARE;
  wanted.config = PERF_COUNT_SW_TASK_CLOCK;
  wanted.exclude_kernel = 1;
  wanted.disabled = 1;
  found.must_be_refused(syscall(SYS_perf_event_open, &wanted, 0, -1, -1, 0), {ENOENT, ENODEV});
}

void userfaultfd(answer& found) {
  constexpr int user_mode_only = 1;
  found.must_be_refused(syscall(SYS_userfaultfd, user_mode_only));
}

void io_uring(answer& found) {
  io_uring_params wanted{};
  found.must_be_refused(syscall(SYS_io_uring_setup, 1, &wanted));
}

void modules(answer& found) {
  found.must_be_refused(syscall(SYS_init_module, nullptr, 0, ""));
}
void modules_by_file(answer& found) {
  found.must_be_refused(syscall(SYS_finit_module, -1, "", 0));
}
void other_kernels(answer& found) {
  // Flags that there are not.
  found.must_be_refused(syscall(SYS_kexec_file_load, -1, -1, 0UL, "", 0xffff0000UL));
}
void log(answer& found) {
  constexpr int size_of_it = 10;
  found.must_be_refused(syscall(SYS_syslog, size_of_it, nullptr, 0));
}

void clock_by_zone(answer& found) {
  // A time zone further away than there are any.
  struct {
    int minutes_west = 100'000;
    int daylight = 0;
  } zone;
  found.must_be_refused(syscall(SYS_settimeofday, nullptr, &zone));
}
void clock_by_tick(answer& found) {
  // A tick of no length.
  timex wanted{};
  wanted.modes = ADJ_TICK;
  found.must_be_refused(adjtimex(&wanted));
}

void reboot(answer& found) {
  // Without the numbers that say that it is meant.
  found.must_be_refused(syscall(SYS_reboot, 0, 0, 0, nullptr));
}
void host_name(answer& found) {
  // No name has such a length.
  found.must_be_refused(syscall(SYS_sethostname, "", -1));
}
void domain_name(answer& found) {
  found.must_be_refused(syscall(SYS_setdomainname, "", -1));
}

#if defined(__x86_64__)

void ports(answer& found) {
  // In this child alone, which then does nothing with them.
  found.must_be_refused(iopl(3), {EINVAL});
}

// The older forms of the same calls, which a filter may have forgotten.
void calls_of_32_bits(answer& found) {
  // Kernels without them end whoever asks.
  signal(SIGSEGV, [](int) { _exit(0); });
  long done = 288;  // keyctl
  asm volatile("int $0x80"
               : "+a"(done)
               : "b"(KEYCTL_GET_KEYRING_ID), "c"(KEY_SPEC_USER_KEYRING), "d"(0)
               : "memory", "r8", "r9", "r10", "r11");
  done = static_cast<int>(done);
  errno = done < 0 ? static_cast<int>(-done) : 0;
  found.must_be_refused(done);
}

void calls_of_x32(answer& found) {
  constexpr long x32 = 0x4000'0000;
  found.must_be_refused(syscall(x32 + SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 0));
}

#endif

constexpr probe probes[] = {
    {"system calls", "keys of others", keys_of_others},
    {"system calls", "keyctl", keyctl},
    {"system calls", "add_key", add_key},
    {"system calls", "request_key", request_key},
    {"system calls", "bpf", bpf},
    {"system calls", "perf_event_open", perf},
    {"system calls", "userfaultfd", userfaultfd},
    {"system calls", "io_uring_setup", io_uring},
    {"system calls", "init_module", modules},
    {"system calls", "finit_module", modules_by_file},
    {"system calls", "kexec_file_load", other_kernels},
    {"system calls", "syslog", log},
    {"system calls", "settimeofday", clock_by_zone},
    {"system calls", "adjtimex", clock_by_tick},
    {"system calls", "reboot", reboot},
    {"system calls", "sethostname", host_name},
    {"system calls", "setdomainname", domain_name},
#if defined(__x86_64__)
    {"system calls", "iopl", ports},
    {"system calls", "keyctl of 32 bits", calls_of_32_bits},
    {"system calls", "keyctl of x32", calls_of_x32},
#endif
};

}  // namespace

std::span<const probe> kernel_probes() noexcept {
  return probes;
}

}  // namespace kiln::probe_agent
