#include "actors/worker/command/launcher/mounts.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace kiln::launcher {

int detached(const char* path, std::uint64_t attributes, bool whole, int identities) {
  const unsigned deep = whole ? AT_RECURSIVE : 0;
  int tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | deep);
  if (tree < 0) return -1;
  mount_attr wanted{};
  wanted.attr_set = attributes;
  if (identities != no_identities) {
    wanted.attr_set |= MOUNT_ATTR_IDMAP;
    wanted.userns_fd = static_cast<std::uint64_t>(identities);
  }
  if (mount_setattr(tree, "", AT_EMPTY_PATH | deep, &wanted, sizeof wanted) == 0) return tree;
  const int why = errno;
  close(tree);
  errno = why;
  return -1;
}

bool attach(int tree, const char* where) {
  const bool done = move_mount(tree, "", AT_FDCWD, where, MOVE_MOUNT_F_EMPTY_PATH) == 0;
  const int why = errno;
  close(tree);
  errno = why;
  return done;
}

bool make_file(const char* path) {
  int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (file >= 0) close(file);
  return file >= 0;
}

bool make_folders(const char* path) {
  char part[PATH_MAX];
  for (std::size_t i = 0;; ++i) {
    if (i == sizeof part) {
      errno = ENAMETOOLONG;
      return false;
    }
    const char at = path[i];
    if ((at == '/' || at == '\0') && i > 0) {
      part[i] = '\0';
      if (mkdir(part, 0755) != 0 && errno != EEXIST) return false;
    }
    part[i] = at;
    if (at == '\0') return true;
  }
}

}  // namespace kiln::launcher
