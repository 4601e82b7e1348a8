#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "core/base/clock.hpp"
#include "core/observe/log.hpp"

namespace kiln::grpc_plugin {

/// A thread that hands out what gRPC has for us, and how much it has handed out so far.
struct watched_thread {
  std::thread::native_handle_type thread;
  const std::atomic<std::uint64_t>* handed_out;
};

/// Cuts connections that keep gRPC reading.
///
/// A thread that waits for events reads what has come, and reads on as long as a peer sends more than that.
/// One that opens streams and resets them as fast as it can (CVE-2023-44487; gRPC 1.51 has no bound of its
/// own) keeps it for ever: nobody else is answered, and each stream takes 17 KiB until the thread comes back.
/// Where a thread has worked for long without handing out anything, the connections that have brought the
/// most meanwhile are ended. Whole messages are handed out in time, however many are under way.
class flood_guard {
public:
  /// `ports` are those that are listened to; `patience` is a processor's time. `log` may be null.
  flood_guard(const std::vector<watched_thread>& threads, std::set<int> ports, duration patience,
              logger* log);
  /// Before the threads end.
  ~flood_guard();
  flood_guard(const flood_guard&) = delete;
  flood_guard& operator=(const flood_guard&) = delete;

private:
  struct connection {
    std::uint64_t inode = 0;
    std::uint64_t received = 0;  ///< bytes, since it was made
  };
  using connections = std::map<int, connection>;  ///< by descriptor

  struct watch {
    clockid_t work;  ///< the clock of its processor time
    const std::atomic<std::uint64_t>* handed_out;
    std::uint64_t seen = 0;
    duration worked{0};  ///< when it last handed out something
    std::optional<connections> before;
  };

  void run();
  void look_at(watch& one);
  connections all_connections() const;
  void cut_the_loudest(const connections& before);

  std::vector<watch> watched_;
  const std::set<int> ports_;
  const duration patience_;
  logger* const log_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool end_ = false;
  std::thread thread_;
};

}  // namespace kiln::grpc_plugin
