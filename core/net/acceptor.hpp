#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/net/first_bytes.hpp"
#include "core/net/listen.hpp"
#include "core/net/owned_socket.hpp"

namespace kiln {

/// Accepts connections, on a thread of its own, and finds out what they want to speak without taking a byte
/// of it. Who connects and says nothing costs a descriptor, for a while.
class acceptor {
public:
  struct options {
    std::string thread = "acceptor";
    bool look = true;                              ///< off: connections are handed on as `unknown`, unseen
    bool encrypted = false;                        ///< TLS is expected
    duration patience = std::chrono::seconds(20);  ///< for the first bytes
    /// Connections that have said nothing. Beyond, the oldest leaves of the client that has the most.
    std::size_t max_unheard = 1024;
  };
  /// Not blocking, close-on-exec. Called on the acceptor's thread; must not block.
  using newcomer = std::function<void(owned_socket, spoken)>;

  /// Listens on all of these addresses, or on none and says why. Nobody is accepted before `start`.
  static expected<std::unique_ptr<acceptor>> open(const std::vector<std::string>& addresses, options wanted,
                                                  const clock& time);
  ~acceptor();
  acceptor(const acceptor&) = delete;
  acceptor& operator=(const acceptor&) = delete;

  /// With the ports that the system chose.
  std::vector<std::string> addresses() const;
  void start(newcomer come);
  /// Accepts nobody any more; nobody is handed on after it has returned. Not on the acceptor's thread.
  void stop();

private:
  struct unheard {
    owned_socket connection;
    steady_time until;
    std::uint64_t order = 0;
    std::string client;
  };

  acceptor(std::vector<listening_address> at, options wanted, const clock& time);
  void run();
  bool watch(int number, std::uint32_t events);
  void accept_from(int socket);
  void listen_to(int number, bool ended);
  void give_up_the_silent();
  void make_room();

  const std::vector<listening_address> at_;
  const options options_;
  const clock& time_;
  owned_socket events_;
  owned_socket ending_;
  newcomer come_;
  std::unordered_map<int, unheard> unheard_;
  std::uint64_t order_ = 0;
  std::vector<char> seen_;
  std::thread thread_;
};

}  // namespace kiln
