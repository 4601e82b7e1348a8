#pragma once

#include <linux/magic.h>
#include <sys/vfs.h>

#include <string>

namespace kiln::test {

/// Of a container's own layer, on which no union can be made: the one reason for a test to do without.
inline bool lies_on_overlay(const std::string& path) {
  struct statfs facts {};
  return ::statfs(path.c_str(), &facts) == 0 && facts.f_type == OVERLAYFS_SUPER_MAGIC;
}

}  // namespace kiln::test
