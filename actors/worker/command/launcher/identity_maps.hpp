#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace kiln::launcher {

/// User namespaces by which what root has on the disk is seen as another user's own (idmapped mounts), one
/// for each user, kept for the next command. They hold no process.
class identity_maps {
public:
  /// -1 with an errno where none can be made.
  int of(std::uint32_t user);
  /// In a fork: only this one is of any use.
  void close_others(int map) const;

private:
  static constexpr std::size_t most = 1024;
  struct entry {
    std::uint32_t user;
    int map;
  };
  void forget_all();

  entry all_[most];
  std::size_t count_ = 0;
};

}  // namespace kiln::launcher
