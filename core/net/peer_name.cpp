#include "core/net/peer_name.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>

namespace kiln {

std::string peer_of(int descriptor) {
  sockaddr_storage where{};
  socklen_t size = sizeof where;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&where), &size) != 0) return "unknown:";
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (where.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(where);
    ::inet_ntop(AF_INET, &four.sin_addr, text.data(), text.size());
    return std::string("ipv4:") + text.data() + ':' + std::to_string(ntohs(four.sin_port));
  }
  if (where.ss_family != AF_INET6) return "unix:";
  const auto& six = reinterpret_cast<const sockaddr_in6&>(where);
  // An address of IPv4 that came in by a socket of IPv6 is one client with itself.
  if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) {
    ::inet_ntop(AF_INET, six.sin6_addr.s6_addr + 12, text.data(), text.size());
    return std::string("ipv4:") + text.data() + ':' + std::to_string(ntohs(six.sin6_port));
  }
  ::inet_ntop(AF_INET6, &six.sin6_addr, text.data(), text.size());
  return std::string("ipv6:[") + text.data() + "]:" + std::to_string(ntohs(six.sin6_port));
}

}  // namespace kiln
