#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"

/// Where others are dialled, and where is listened. Plain functions; every error is INVALID_ARGUMENT and
/// repeats what was read.
namespace kiln {

/// Where a server is dialled. The scheme says how: "grpc" in the clear (also where none is given), "grpcs"
/// encrypted, "unix" a socket on this machine; others are some plugin's own.
struct endpoint {
  std::string scheme;
  std::string target;  ///< host:port; of unix the path; of an unknown scheme whatever follows
};
expected<endpoint> parse_endpoint(std::string_view text);
/// For rules of a schema.
expected<void> is_endpoint(const std::string& text);

struct host_and_port {
  std::string host;  ///< without brackets
  std::string port;  ///< 0 to 65535
};
/// "host:port" or "[::1]:port", where to listen.
expected<host_and_port> parse_host_and_port(std::string_view text);
/// The same, or "unix:/path".
expected<void> is_listen_address(const std::string& text);
/// Whether what is listened to can be reached from other machines.
bool is_open_to_the_network(std::string_view address);

}  // namespace kiln
