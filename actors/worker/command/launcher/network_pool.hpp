#pragma once

#include <sys/types.h>

#include <cstddef>

namespace kiln::launcher {

/// Network namespaces with nothing in them but a loopback, for one command after the other: to make one and
/// to take it away costs the kernel more than all else that a sandbox is made of. Nothing but counters is
/// left in one when its processes are gone: they could change nothing of it, their sockets are closed with
/// them, and it keeps no ports of closed connections (tcp_max_tw_buckets). Only root can enter one again.
class network_pool {
public:
  /// For one command; -1 where it has to make its own.
  int take();
  /// It is the network of what this process supervises.
  void lend(int network, pid_t to);
  /// That process has ended; `well` if none of its command is left.
  void take_back(pid_t from, bool well);
  /// In a fork: only this one is of any use.
  void close_others(int network) const;

private:
  static constexpr std::size_t most = 256;
  struct entry {
    int network = -1;
    pid_t user = 0;
  };
  int make();

  entry all_[most];
  std::size_t count_ = 0;
  int own_ = -1;  ///< the machine's
};

/// Of the network namespace that we are in. False with an errno.
bool start_loopback();

}  // namespace kiln::launcher
