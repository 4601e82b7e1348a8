#include "actors/worker/command/launcher/sandbox.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "actors/worker/command/launcher/execute.hpp"
#include "actors/worker/command/launcher/mounts.hpp"
#include "actors/worker/command/launcher/network_pool.hpp"

namespace kiln::launcher {
namespace {

constexpr char host_name[] = "localhost";  // it resolves

bool write_file(const char* path, const char* text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const auto size = static_cast<ssize_t>(strlen(text));
  const bool done = write(file, text, static_cast<std::size_t>(size)) == size;
  close(file);
  return done;
}

/// An ordinary user is in the new namespace who he was outside, and nobody else is there.
bool map_user(uid_t user, gid_t group) {
  char line[64];
  snprintf(line, sizeof line, "%u %u 1", user, user);
  if (!write_file("/proc/self/setgroups", "deny") || !write_file("/proc/self/uid_map", line)) return false;
  snprintf(line, sizeof line, "%u %u 1", group, group);
  return write_file("/proc/self/gid_map", line);
}

/// So that nothing that is executed gets any back.
bool bound_privileges() {
  int which = 0;
  while (prctl(PR_CAPBSET_DROP, which, 0, 0, 0) == 0) ++which;
  return errno == EINVAL;  // it is behind the last that there is
}

/// All that the namespaces gave, and what root has.
bool give_up_privileges(std::uint32_t user) {
  // Ordinary users cannot leave their groups.
  if (user == same_user && geteuid() == 0 && syscall(SYS_setgroups, 0, nullptr) != 0) return false;
  if (!become(user)) return false;
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  return syscall(SYS_capset, &head, none) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/// As the command itself could: so no link leads it anywhere that would be new to that.
bool prepare_folders(const command& what, std::uint32_t& index) {
  for (index = 0; index < what.head.folders; ++index) {
    const char* path = what.folders[index];
    if (!make_folders(path)) return false;
    struct stat facts {};
    if (stat(path, &facts) != 0) return false;
    if (S_ISDIR(facts.st_mode)) continue;
    errno = ENOTDIR;
    return false;
  }
  return true;
}

}  // namespace

sandbox::sandbox(const furnishing& with, int network)
    : network_(with.network ? -1 : network),
      user_(geteuid()),
      group_(getegid()),
      namespaces_(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
                  (user_ != 0 ? CLONE_NEWUSER : 0) | (!with.network && network < 0 ? CLONE_NEWNET : 0)),
      root_(with, user_ != 0) {}

sandbox_step sandbox::furnish() const {
  // The group that we are in looks to the command like the top.
  if (unshare(CLONE_NEWCGROUP) != 0) return sandbox_step::group;
  if (user_ != 0 && !map_user(user_, group_)) return sandbox_step::user;
  if (sethostname(host_name, sizeof host_name - 1) != 0) return sandbox_step::namespaces;
  if (network_ >= 0 && setns(network_, CLONE_NEWNET) != 0) return sandbox_step::network;
  if ((namespaces_ & CLONE_NEWNET) != 0 && !start_loopback()) return sandbox_step::network;
  if (!bound_privileges()) return sandbox_step::privileges;
  return root_.furnish();
}

sandbox_step sandbox::enter(const command& what, const command_descriptors& with, entered& into) {
  if (needs_identities(what.head) && with.identities < 0) {
    errno = EPERM;
    return sandbox_step::layers;
  }
  if (auto failed = root_.finish(what, with.folder, with.identities); failed != sandbox_step::none)
    return failed;
  const char* input_root = what.head.at_root != 0 ? "/" : sandbox_root;
  if (what.head.layers > 0) {
    into.view = open(input_root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (into.view < 0) return sandbox_step::layers;
  }
  if (!give_up_privileges(what.head.user)) return sandbox_step::privileges;
  if (chdir(input_root) != 0) return sandbox_step::input_root;
  if (!prepare_folders(what, into.index)) return sandbox_step::output_folder;
  if (what.inside[0] != '\0' && chdir(what.inside) != 0) return sandbox_step::working_directory;
  return sandbox_step::none;
}

}  // namespace kiln::launcher
