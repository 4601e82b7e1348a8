#pragma once

#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/net/owned_socket.hpp"

namespace kiln {

/// An address that is listened to. Its socket file, if it is one, goes with it.
class listening_address {
public:
  listening_address(std::string address, std::vector<owned_socket> sockets, std::string socket_file)
      : address_(std::move(address)), sockets_(std::move(sockets)), socket_file_(std::move(socket_file)) {}
  ~listening_address();
  listening_address(listening_address&& other) noexcept;
  listening_address& operator=(listening_address&&) = delete;

  /// With the port that the system chose for port 0.
  const std::string& address() const noexcept { return address_; }
  /// One for each of the addresses that a name stands for. They do not block.
  const std::vector<owned_socket>& sockets() const noexcept { return sockets_; }

private:
  std::string address_;
  std::vector<owned_socket> sockets_;
  std::string socket_file_;
};

/// Listens on "host:port", "[::1]:port" or "unix:/path". UNAVAILABLE names an address that is taken,
/// INVALID_ARGUMENT one that makes no sense. A wildcard of either family stands for both. A socket file that
/// nobody listens to is replaced.
expected<listening_address> listen_on(const std::string& address);

/// The number of the port behind an address; 0 for a socket file.
int port_of(const std::string& address);

}  // namespace kiln
