#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace kiln::redis_store {

/// Where a server listens: a host and a port, or a socket on this machine.
struct server_address {
  std::string host;  ///< of a socket its path
  std::string port;  ///< of a socket empty
  bool encrypted = false;

  bool is_socket() const noexcept { return port.empty(); }
  /// "rediss://host:port", "unix:/path"
  std::string to_string() const;
  bool operator==(const server_address&) const = default;
};

/// "redis://host:port", "rediss://host:port" (encrypted) or "unix:/path". INVALID_ARGUMENT repeats what was
/// read.
expected<server_address> parse_server_address(std::string_view text);

}  // namespace kiln::redis_store
