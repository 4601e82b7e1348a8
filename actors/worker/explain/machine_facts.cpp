#include "actors/worker/explain/machine_facts.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

namespace kiln {
namespace {

struct namespace_kind {
  std::string_view name;
  std::string_view gives;
  unsigned long flag;
};
// As the launcher makes them.
constexpr namespace_kind user_kind{"user", "the others, without being root", CLONE_NEWUSER};
constexpr namespace_kind kinds[] = {{"mount", "files: only what it is shown", CLONE_NEWNS},
                                    {"pid", "processes: only its own", CLONE_NEWPID},
                                    {"ipc", "shared memory and queues of its own", CLONE_NEWIPC},
                                    {"uts", "a host name of its own", CLONE_NEWUTS},
                                    {"cgroup", "no sight of the machine's cgroups", CLONE_NEWCGROUP},
                                    {"network", "a loopback of its own", CLONE_NEWNET}};

/// 0, or the errno of what the kernel says.
int try_namespaces(unsigned long flags) {
  // The child shares nothing with us, and does nothing that a lock of ours could hold up.
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, 0UL));
  if (pid == 0) ::_exit(0);
  if (pid < 0) return errno;
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return 0;
}

/// Empty where there is none. Files in /proc have no size.
std::string text_of(disk& on, const char* path) {
  auto file = on.open(descriptor(), path, O_RDONLY);
  if (!file) return {};
  std::string text(16 << 10, '\0');
  auto count = read_all(on, *file, text, 0);
  text.resize(count ? *count : 0);
  return text;
}

std::optional<std::uint64_t> number_in(std::string_view text, int base = 10) {
  std::uint64_t number = 0;
  auto read = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (read.ec != std::errc()) return {};
  return number;
}

/// What stands behind "name:" in /proc/self/status.
std::string_view line_of(std::string_view status, std::string_view name) {
  auto at = status.find(name);
  if (at == std::string_view::npos) return {};
  auto rest = status.substr(at + name.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  return rest;
}

}  // namespace

machine_facts look_at_machine(disk& on) {
  machine_facts facts;
  facts.root = ::geteuid() == 0;
  const auto status = text_of(on, "/proc/self/status");
  const auto capabilities = number_in(line_of(status, "\nCapEff:"), 16).value_or(0);
  facts.administers = (capabilities >> CAP_SYS_ADMIN & 1) != 0;
  facts.filtered = number_in(line_of(status, "\nSeccomp:")).value_or(0) != 0;
  for (const char* mark : {"/.dockerenv", "/run/.containerenv", "/var/run/secrets/kubernetes.io"})
    facts.container = facts.container || on.facts(descriptor(), mark).has_value();
  utsname machine{};
  if (::uname(&machine) == 0) facts.kernel = machine.release;
  facts.unprivileged_user_namespaces = number_in(text_of(on, "/proc/sys/kernel/unprivileged_userns_clone"));
  facts.restricted_by_apparmor =
      number_in(text_of(on, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"));
  facts.most_user_namespaces = number_in(text_of(on, "/proc/sys/user/max_user_namespaces"));
  // Whoever is not root has the others by a user namespace alone.
  const unsigned long with = facts.root ? 0 : user_kind.flag;
  if (!facts.root)
    facts.namespaces.push_back({user_kind.name, user_kind.gives, try_namespaces(user_kind.flag)});
  for (const auto& kind : kinds)
    facts.namespaces.push_back({kind.name, kind.gives, try_namespaces(with | kind.flag)});
  return facts;
}

std::string name_of_file_system(std::uint64_t number) {
  static constexpr std::pair<std::uint64_t, const char*> known[] = {
      {0xef53, "ext4"},        {0x58465342, "xfs"}, {0x9123683e, "btrfs"}, {0x01021994, "tmpfs"},
      {0x794c7630, "overlay"}, {0x6969, "nfs"},     {0x2fc12fc1, "zfs"},   {0xf2f52010, "f2fs"},
      {0x65735546, "fuse"},    {0x01021997, "9p"},  {0xff534d42, "cifs"},  {0xca451a4e, "bcachefs"}};
  for (const auto& [value, name] : known)
    if (value == number) return name;
  return fmt::format("{:#x}", number);
}

}  // namespace kiln
