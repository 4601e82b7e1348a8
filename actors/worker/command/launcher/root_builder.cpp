#include "actors/worker/command/launcher/root_builder.hpp"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

#include "actors/worker/command/launcher/input_union.hpp"
#include "actors/worker/command/launcher/mounts.hpp"

namespace kiln::launcher {
namespace {

// Programs, and what they need to run. Where a distribution has links in their place, there are links.
constexpr const char* system_folders[] = {"/usr",   "/bin",   "/sbin",   "/lib",
                                          "/lib32", "/lib64", "/libx32", "/etc"};
constexpr const char* name_servers[] = {"/run/systemd/resolve", "/run/resolvconf",
                                        "/run/NetworkManager/resolv.conf"};
// Numbers of the kernel's own (its Documentation/admin-guide/devices.txt).
struct device {
  const char* name;
  unsigned major;
  unsigned minor;
};
constexpr device devices[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
                              {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
constexpr const char* roots_own[] = {"proc/sys",    "proc/sysrq-trigger", "proc/irq",          "proc/bus",
                                     "proc/fs",     "proc/mtrr",          "proc/scsi",         "proc/acpi",
                                     "proc/asound", "proc/driver",        "proc/dynamic_debug"};
// What is not for whoever is Kiln's own user, though he may read it.
constexpr const char* secrets[] = {"etc/shadow",      "etc/shadow-", "etc/gshadow",
                                   "etc/gshadow-",    "etc/kiln",    "etc/ssh",
                                   "etc/ssl/private", "proc/keys",   "proc/timer_list"};
struct device_link {
  const char* name;
  const char* target;
};
constexpr device_link device_links[] = {{"fd", "/proc/self/fd"},
                                        {"stdin", "/proc/self/fd/0"},
                                        {"stdout", "/proc/self/fd/1"},
                                        {"stderr", "/proc/self/fd/2"},
                                        {"ptmx", "pts/ptmx"}};

constexpr unsigned long long least_inodes = 4096;
constexpr unsigned long long of_inode = 16384;
constexpr unsigned long quiet = MS_NOSUID | MS_NODEV;
constexpr std::uint64_t quiet_mount = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

bool make_read_only(const char* path, std::uint64_t attributes) {
  mount_attr wanted{};
  wanted.attr_set = MOUNT_ATTR_RDONLY | attributes;
  return mount_setattr(AT_FDCWD, path, 0, &wanted, sizeof wanted) == 0;
}

bool show(const char* path) {
  struct stat facts {};
  if (stat(path, &facts) != 0) return false;
  // In a folder that is shown as a whole.
  struct stat there {};
  const char* where = path + 1;
  if (stat(where, &there) == 0 && there.st_dev == facts.st_dev && there.st_ino == facts.st_ino) return true;
  int tree = detached(path, MOUNT_ATTR_RDONLY | quiet_mount);
  if (tree < 0) return false;
  if (S_ISDIR(facts.st_mode)) return make_folders(where) && attach(tree, where);
  char above[PATH_MAX];
  snprintf(above, sizeof above, "%s", where);
  if (char* slash = strrchr(above, '/'); slash != nullptr) {
    *slash = '\0';
    if (!make_folders(above)) return false;
  }
  return make_file(where) && attach(tree, where);
}

/// What lies there in the root that is being made, wherever links lead; -1 with an errno.
int open_within(const char* path) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT;
  // A link with ".." is not followed while something is moved or mounted anywhere.
  int tries = 1000;
  int found = -1;
  do {
    found = static_cast<int>(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
  } while (found < 0 && errno == EAGAIN && --tries > 0);
  return found;
}

/// Nor can the command, which has no more rights than we.
bool is_out_of_reach(int why) {
  return why == ENOENT || why == ENOTDIR || why == ELOOP || why == EACCES;
}

/// A folder is empty then, a file cannot be opened.
bool hide(int secret) {
  struct stat facts {};
  if (fstat(secret, &facts) != 0) return false;
  if (S_ISDIR(facts.st_mode)) {
    char where[64];
    snprintf(where, sizeof where, "proc/self/fd/%d", secret);
    return mount("tmpfs", where, "tmpfs", quiet | MS_RDONLY, "mode=0555,size=4k") == 0;
  }
  const int tree = detached("/dev/null", MOUNT_ATTR_RDONLY | quiet_mount | MOUNT_ATTR_NOEXEC);
  if (tree < 0) return false;
  const bool done = move_mount(tree, "", secret, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0;
  const int why = errno;
  close(tree);
  errno = why;
  return done;
}

bool is_hidden(int secret) {
  struct stat facts {};
  struct statfs where {};
  if (fstat(secret, &facts) != 0) return false;
  return S_ISCHR(facts.st_mode) ||
         (S_ISDIR(facts.st_mode) && fstatfs(secret, &where) == 0 && where.f_type == TMPFS_MAGIC);
}

/// Whether it is true of each of them that is there.
bool all_secrets(bool (*is)(int secret)) {
  for (const char* path : secrets) {
    const int secret = open_within(path);
    if (secret < 0 && !is_out_of_reach(errno)) return false;
    if (secret < 0) continue;
    const bool good = is(secret);
    const int why = errno;
    close(secret);
    errno = why;
    if (!good) return false;
  }
  return true;
}

/// Whether it is what lies at that path of the machine.
bool is_shown(const char* path) {
  char wanted[PATH_MAX];
  char found[PATH_MAX];
  const ssize_t length = readlink(path, wanted, sizeof wanted);
  if (readlink(path + 1, found, sizeof found) != length) return false;
  if (length >= 0) return memcmp(wanted, found, static_cast<std::size_t>(length)) == 0;
  struct stat there {
  }, here{};
  if (stat(path, &there) != 0) return stat(path + 1, &here) != 0;
  return stat(path + 1, &here) == 0 && there.st_dev == here.st_dev && there.st_ino == here.st_ino;
}

/// The input root is to be the root, with the devices and the processes of the sandbox. No link in it leads
/// us anywhere.
bool enter_input_root() {
  if (chdir(sandbox_root + 1) != 0) return false;
  for (const char* name : {"dev", "proc"}) {
    char from[16];
    snprintf(from, sizeof from, "../%s", name);
    if (mkdir(name, 0755) != 0 && errno != EEXIST) return false;
    const int place = open(name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (place < 0) return false;
    const bool moved = move_mount(AT_FDCWD, from, place, "", MOVE_MOUNT_T_EMPTY_PATH) == 0;
    const int why = errno;
    close(place);
    errno = why;
    if (!moved) return false;
  }
  // Programs expect one. It may be anything else, if that is what was sent.
  return mkdir("tmp", 0755) == 0 ? chmod("tmp", S_ISVTX | 0777) == 0 : errno == EEXIST;
}

}  // namespace

root_builder::root_builder(const furnishing& what, bool in_user_namespace)
    : what_(what), in_user_namespace_(in_user_namespace) {
  const unsigned long long size = what.scratch_size;
  // Empty files take memory, too.
  snprintf(scratch_, sizeof scratch_, "mode=1777,size=%llu,nr_inodes=%llu", size,
           least_inodes + size / of_inode);
}

sandbox_step root_builder::furnish() const {
  // What is mounted here is seen nowhere else, and the other way round.
  if (mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return sandbox_step::root;
  // A folder that is there, and is not needed any more: it is covered for ourselves alone, and for a moment.
  if (mount("tmpfs", "/proc", "tmpfs", quiet, "mode=0755") != 0 || chdir("/proc") != 0)
    return sandbox_step::root;
  if (!what_.at_root && !make_scratch_folders()) return sandbox_step::scratch;
  if (!what_.at_root && !show_system()) return sandbox_step::system_folders;
  if (!make_devices()) return sandbox_step::devices;
  if (!make_processes()) return sandbox_step::processes;
  if (what_.same_user && !all_secrets(hide)) return sandbox_step::system_folders;
  return make_folders(sandbox_root + 1) ? sandbox_step::none : sandbox_step::input_root;
}

bool root_builder::is_current() const {
  if (!what_.at_root)
    for (const char* path : system_folders)
      if (!is_shown(path)) return false;
  for (const char** path = what_.shown; path != nullptr && *path != nullptr; ++path)
    if (!is_shown(*path)) return false;
  return !what_.same_user || all_secrets(is_hidden);
}

sandbox_step root_builder::finish(const command& what, int root, int identities) {
  if (!find(root)) return sandbox_step::input_root;
  if (what.head.layers == 0 && !show_alone(root)) return sandbox_step::input_root;
  if (what.head.layers > 0 &&
      !mount_union(what, root, path_, identities, in_user_namespace_, sandbox_root + 1))
    return sandbox_step::layers;
  if (what_.at_root && !enter_input_root()) return sandbox_step::root_folders;
  return change_root() ? sandbox_step::none : sandbox_step::root;
}

bool root_builder::make_scratch_folders() const {
  return make_scratch("tmp") && mkdir("var", 0755) == 0 && symlink("../tmp", "var/tmp") == 0 &&
         mkdir("run", 0755) == 0;
}

bool root_builder::make_scratch(const char* where) const {
  return mkdir(where, 0755) == 0 && mount("tmpfs", where, "tmpfs", quiet, scratch_) == 0;
}

bool root_builder::show_system() const {
  for (const char* path : system_folders) {
    char target[PATH_MAX];
    const ssize_t length = readlink(path, target, sizeof target - 1);
    if (length >= 0) {
      target[length] = '\0';
      if (symlink(target, path + 1) != 0) return false;
    } else if (!show(path) && errno != ENOENT) {
      return false;
    }
  }
  // What leads there from /etc, where it does.
  if (what_.network)
    for (const char* path : name_servers)
      if (!show(path) && errno != ENOENT) return false;
  for (const char** path = what_.shown; path != nullptr && *path != nullptr; ++path)
    if (!show(*path)) return false;
  return true;
}

bool root_builder::make_devices() const {
  if (mkdir("dev", 0755) != 0 || mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755") != 0)
    return false;
  for (const auto& one : devices)
    if (!make_device(one.name, one.major, one.minor)) return false;
  for (const auto& [name, target] : device_links) {
    char where[32];
    snprintf(where, sizeof where, "dev/%s", name);
    if (symlink(target, where) != 0) return false;
  }
  if (mkdir("dev/pts", 0755) != 0 ||
      mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620") != 0)
    return false;
  return make_scratch("dev/shm") && make_read_only("dev", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
}

/// Its own, where we may make one, which costs less than a mount; else that of the machine.
bool root_builder::make_device(const char* name, unsigned major, unsigned minor) const {
  char from[32];
  snprintf(from, sizeof from, "/dev/%s", name);
  const char* where = from + 1;
  // A user namespace lets itself be given nodes, and opens none.
  if (!in_user_namespace_ && mknod(where, S_IFCHR | 0666, makedev(major, minor)) == 0)
    return chmod(where, 0666) == 0;
  // Read-only is what is said of the device, not what is written to it: nobody changes its mode.
  int tree = detached(from, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  return tree >= 0 && make_file(where) && attach(tree, where);
}

bool root_builder::make_processes() const {
  if (mkdir("proc", 0755) != 0 || mount("proc", "proc", "proc", quiet | MS_NOEXEC, nullptr) != 0)
    return false;
  // Root without any right still owns the settings of the kernel, in whatever namespace.
  if (geteuid() != 0 || !what_.same_user) return true;
  for (const char* path : roots_own) {
    int tree = detached(path, MOUNT_ATTR_RDONLY | quiet_mount | MOUNT_ATTR_NOEXEC);
    if (tree < 0 ? errno != ENOENT : !attach(tree, path)) return false;
  }
  return true;
}

/// Where this namespace has the input root: mounts of another cannot be shown. By the sandbox's own /proc.
bool root_builder::find(int root) {
  char link[64];
  snprintf(link, sizeof link, "proc/self/fd/%d", root);
  const ssize_t length = readlink(link, path_, sizeof path_ - 1);
  if (length < 0) return false;
  path_[length] = '\0';
  return true;
}

/// It has to be the same folder.
bool root_builder::show_alone(int root) const {
  const int tree = detached(path_, quiet_mount);
  struct stat wanted {
  }, found{};
  if (tree < 0) return false;
  if (fstat(root, &wanted) != 0 || fstat(tree, &found) != 0) {
    close(tree);
    return false;
  }
  if (wanted.st_dev == found.st_dev && wanted.st_ino == found.st_ino) return attach(tree, sandbox_root + 1);
  close(tree);
  errno = ESTALE;
  return false;
}

/// The old one is gone from here with all that is mounted in it.
bool root_builder::change_root() const {
  return syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 && chdir("/") == 0 &&
         (what_.at_root || make_read_only("/", quiet_mount));
}

}  // namespace kiln::launcher
