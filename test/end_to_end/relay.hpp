#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.hpp"

namespace kiln::end_to_end {

/// A wire that can be cut: passes connections on to a server on this machine.
class relay {
public:
  /// "127.0.0.1:PORT", where the server listens.
  explicit relay(const std::string& target);
  ~relay();
  relay(const relay&) = delete;
  relay& operator=(const relay&) = delete;

  std::string address() const;
  /// Ends all connections. Those that are made afterwards are passed on.
  void cut();
  /// Blocks until so many connections were made in all; false if that takes too long.
  bool has_passed_on(std::size_t connections, duration patience);

private:
  void run();
  void pass_on(int client);

  const std::string target_;
  int listening_ = -1;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t connections_ = 0;
  std::vector<int> open_;  // both ends of each; closed when their threads have ended
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace kiln::end_to_end
