#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace kiln::test {

/// A wire on which everything takes a while, however much there is of it: passes the bytes of connections on
/// to a server on this machine, each after `delay`, both ways. At a free port of 127.0.0.1.
class long_wire {
public:
  /// "127.0.0.1:PORT", where the server listens.
  long_wire(const std::string& target, std::chrono::milliseconds delay);
  ~long_wire();
  long_wire(const long_wire&) = delete;
  long_wire& operator=(const long_wire&) = delete;

  std::string address() const;
  /// Bytes that were on the way at the same time: how much a sender may send before it hears of the other.
  std::size_t most_to_server() const noexcept { return to_server_.most; }
  std::size_t most_to_client() const noexcept { return to_client_.most; }

private:
  struct way {
    std::atomic<std::size_t> now{0};
    std::atomic<std::size_t> most{0};
  };
  struct piece {
    std::chrono::steady_clock::time_point due;
    std::string content;  ///< empty: the end
  };
  struct lane {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<piece> pieces;
  };
  void accept_all();
  void take(int from, lane& onto, way& counted) const;
  static void give(int to, lane& from, way& counted);

  const std::string target_;
  const std::chrono::milliseconds delay_;
  int listening_ = -1;
  way to_server_, to_client_;
  std::vector<int> open_;
  std::deque<lane> lanes_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace kiln::test
