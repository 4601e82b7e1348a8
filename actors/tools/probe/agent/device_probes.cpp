#include <linux/kdev_t.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include <cerrno>

#include "actors/tools/probe/agent/looking.hpp"

// Devices are looked at, not opened: some do things when they are.
namespace kiln::probe_agent {
namespace {

bool is_usual(const char* name) {
  for (const char* one : {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console"})
    if (strcmp(name, one) == 0) return true;
  return false;
}

void nodes_of(answer& found, const char* folder, mode_t wanted, int deeper) {
  each_entry(folder, [&](const char* name) {
    const path_text path(folder, name);
    struct stat facts {};
    if (lstat(path, &facts) != 0) return;
    const mode_t kind = facts.st_mode & S_IFMT;
    if (kind == wanted && !is_usual(name)) found.leak("%s", path.text);
    if (kind == S_IFDIR && deeper > 0 && strcmp(name, "pts") != 0 && strcmp(name, "shm") != 0)
      nodes_of(found, path, wanted, deeper - 1);
  });
}

void disks(answer& found) {
  nodes_of(found, "/dev", S_IFBLK, 2);
}
void characters(answer& found) {
  nodes_of(found, "/dev", S_IFCHR, 2);
}

void terminals(answer& found) {
  each_entry("/dev/pts", [&](const char* name) {
    if (strcmp(name, "ptmx") != 0) found.leak("/dev/pts/%s", name);
  });
}

void write_devices(answer& found) {
  if (takes_files("/dev")) found.leak("a file was made in /dev");
}

void new_nodes(answer& found) {
  // What it would be is /dev/null, under another name.
  for (const char* folder : {".", "/tmp"}) {
    const path_text path(folder, "kiln-probe-device");
    if (mknod(path, S_IFCHR | 0600, makedev(1, 3)) != 0) continue;
    unlink(path);
    found.leak("one was made in %s", folder);
  }
}

void mode_of_null(answer& found) {
  struct stat facts {};
  if (stat("/dev/null", &facts) != 0) return found.note("there is none");
  // To the mode that it has.
  found.must_be_refused(chmod("/dev/null", facts.st_mode & 07777));
}

void kernel_memory(answer& found) {
  for (const char* path : {"/dev/mem", "/dev/kmem", "/dev/port"})
    if (access(path, R_OK) == 0) found.leak("%s", path);
  const int core = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
  if (core < 0) return;
  close(core);
  found.leak("/proc/kcore");
}

void kernel_log(answer& found) {
  for (const char* path : {"/proc/kmsg", "/dev/kmsg"}) {
    const int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) continue;
    close(file);
    found.leak("%s", path);
  }
}

void kernel_settings(answer& found) {
  for (const char* path :
       {"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/vm/drop_caches",
        "/proc/sys/kernel/randomize_va_space", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger",
        "/proc/sys/fs/binfmt_misc/register", "/proc/irq/default_smp_affinity"})
    if (opens_for_writing(path)) found.leak("%s", path);
}

void kernel_files(answer& found) {
  for (const char* path :
       {"/sys/kernel/uevent_helper", "/sys/power/state", "/sys/kernel/debug", "/sys/kernel/tracing",
        "/sys/kernel/security", "/sys/fs/bpf", "/sys/firmware/efi/efivars", "/sys/module"})
    if (access(path, W_OK) == 0) found.leak("%s", path);
}

void terminal(answer& found) {
  const int own = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (own >= 0) {
    close(own);
    found.leak("/dev/tty");
  }
  for (int number = 0; number <= 2; ++number)
    if (isatty(number) == 1) found.leak("descriptor %d", number);
}

// Words put into the input of a terminal are commands of whoever sits there. There is no word at that
// address, which the kernel finds out behind the question whether it is allowed.
void typing(answer& found) {
  bool any = false;
  const int own = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  for (int number : {own, 0, 1, 2}) {
    if (number < 0 || isatty(number) != 1) continue;
    any = true;
    found.must_be_refused(ioctl(number, TIOCSTI, nullptr), {EIO});
  }
  if (!any) found.note("there is no terminal");
}

constexpr probe probes[] = {
    {"devices", "disks", disks},
    {"devices", "devices of the machine", characters},
    {"devices", "terminals of others", terminals},
    {"devices", "a terminal", terminal},
    {"devices", "typing into a terminal", typing},
    {"devices", "/dev, to write", write_devices},
    {"devices", "new device nodes", new_nodes},
    {"devices", "the mode of /dev/null", mode_of_null},
    {"devices", "the kernel's memory", kernel_memory},
    {"devices", "the kernel's log", kernel_log},
    {"devices", "the kernel's settings, to write", kernel_settings},
    {"devices", "the kernel's files in /sys, to write", kernel_files},
};

}  // namespace

std::span<const probe> device_probes() noexcept {
  return probes;
}

}  // namespace kiln::probe_agent
