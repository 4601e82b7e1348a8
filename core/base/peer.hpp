#pragma once

#include <string_view>

namespace kiln {

/// Who this peer is ("ipv4:10.0.0.1:40312", as transports name it), over all its connections: its address
/// without the port. All peers of unix sockets are one client.
inline std::string_view client_of(std::string_view peer) noexcept {
  if (peer.starts_with("unix")) return "unix";
  return peer.substr(0, peer.rfind(':'));
}

}  // namespace kiln
