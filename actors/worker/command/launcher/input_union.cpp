#include "actors/worker/command/launcher/input_union.hpp"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "actors/worker/command/launcher/mounts.hpp"

namespace kiln::launcher {
namespace {

// Where all that the union consists of is mounted for a moment: short names, whatever they are called
// outside, which the command can then read in its list of mounts.
constexpr char own[] = ".own";
constexpr char own_folder[] = ".own/root";
constexpr char own_work[] = ".own/work";
constexpr unsigned long long least_inodes = 4096;
constexpr std::uint64_t quiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

bool hide(const char* name) {
  return umount2(name, MNT_DETACH) == 0 && rmdir(name) == 0;
}

/// What the folder and its sibling lie in.
bool show_home(int folder, const char* path) {
  const char* slash = strrchr(path, '/');
  char home[4096];
  if (slash == nullptr || slash == path || static_cast<std::size_t>(slash - path) >= sizeof home) {
    errno = ENAMETOOLONG;
    return false;
  }
  memcpy(home, path, static_cast<std::size_t>(slash - path));
  home[slash - path] = '\0';
  const int tree = detached(home, quiet, false);
  if (tree < 0 || mkdir(own, 0755) != 0 || !attach(tree, own)) return false;
  // A path may have come to be another one's meanwhile.
  struct stat wanted {
  }, found{};
  if (fstat(folder, &wanted) != 0 || stat(own_folder, &found) != 0) return false;
  if (wanted.st_dev == found.st_dev && wanted.st_ino == found.st_ino) return true;
  errno = ESTALE;
  return false;
}

/// In the place of those: what the command changes is gone with the last who sees it.
bool make_home_in_memory(const command& what) {
  constexpr unsigned long long of_inode = 4096;
  const unsigned long long size = what.head.changes_in_memory;
  char options[96];
  snprintf(options, sizeof options, "mode=0755,size=%llu,nr_inodes=%llu", size,
           least_inodes + size / of_inode);
  const bool same = what.head.user == same_user;
  return mkdir(own, 0755) == 0 && mount("tmpfs", own, "tmpfs", MS_NOSUID | MS_NODEV, options) == 0 &&
         mkdir(own_folder, same ? 0755 : 0700) == 0 && mkdir(own_work, 0700) == 0 &&
         (same || chown(own_folder, what.head.user, what.head.user) == 0);
}

}  // namespace

bool mount_union(const command& what, int folder, const char* path, int identities, bool in_user_namespace,
                 const char* where) {
  if (what.head.changes_in_memory > 0 ? !make_home_in_memory(what) : !show_home(folder, path)) return false;
  // An upper folder serves one command after the other, with other layers (index=off), and is worth nothing
  // after a crash (volatile). Folders of the layers can be renamed where the kernel allows that.
  char options[512] = "lowerdir=";
  std::size_t end = strlen(options);
  for (std::uint32_t i = 0; i < what.head.layers; ++i) {
    char name[16];
    snprintf(name, sizeof name, ".l%u", i);
    const int tree = detached(what.layers[i], quiet | MOUNT_ATTR_RDONLY, false, identities);
    if (tree < 0 || mkdir(name, 0755) != 0 || !attach(tree, name)) return false;
    end += static_cast<std::size_t>(
        snprintf(options + end, sizeof options - end, "%s%s", i > 0 ? ":" : "", name));
    if (end >= sizeof options) {
      errno = E2BIG;
      return false;
    }
  }
  end += static_cast<std::size_t>(
      snprintf(options + end, sizeof options - end,
               ",upperdir=.own/root,workdir=.own/work,index=off,metacopy=off,volatile,%s",
               in_user_namespace ? "userxattr" : "redirect_dir=on"));
  if (end >= sizeof options) {
    errno = E2BIG;
    return false;
  }
  if (mount("overlay", where, "overlay", MS_NOSUID | MS_NODEV, options) != 0) return false;
  for (std::uint32_t i = 0; i < what.head.layers; ++i) {
    char name[16];
    snprintf(name, sizeof name, ".l%u", i);
    if (!hide(name)) return false;
  }
  return hide(own);
}

}  // namespace kiln::launcher
