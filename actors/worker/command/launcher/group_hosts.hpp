#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace kiln::launcher {

/// The launchers in control groups of their own, by the number of the group, and the sockets by which each is
/// given its commands.
class group_hosts {
public:
  /// Its socket, -1 if there is none.
  int find(std::uint32_t group) const;
  /// False if there is no memory for it: then it is the caller's as before.
  bool add(std::uint32_t group, pid_t pid, int socket);
  bool has(pid_t pid) const;
  /// It has ended. False if it was none of them.
  bool remove(pid_t pid);
  /// It takes nothing any more. It ends when its commands have.
  void forget(std::uint32_t group);
  void close_all();

private:
  struct entry {
    std::uint32_t group;
    pid_t pid;
    int socket;  ///< -1: it is ending
  };
  entry* all_ = nullptr;
  std::size_t count_ = 0;
  std::size_t room_ = 0;
};

}  // namespace kiln::launcher
