#include "core/net/listen.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "core/config/endpoint.hpp"

namespace kiln {
namespace {

constexpr std::string_view unix_prefix = "unix:";

failure is_taken(const std::string& address) {
  return fail(errc::unavailable, "address {} is taken: another server listens there", address);
}

failure cannot_listen(const std::string& address, int errno_value) {
  if (errno_value == EADDRINUSE) return is_taken(address);
  auto code = errno_value == EACCES ? errc::permission_denied : errc::unavailable;
  return fail(code, "cannot listen on {}: {}", address, std::strerror(errno_value));
}

// Whether a socket may be made there: what lies there already is nobody's.
expected<void> clear_path(const std::string& address, const sockaddr_un& where) {
  struct stat found {};
  if (::lstat(where.sun_path, &found) != 0) {
    if (errno == ENOENT) return {};
    return cannot_listen(address, errno);
  }
  if (!S_ISSOCK(found.st_mode))
    return fail(errc::unavailable, "cannot listen on {}: a file that is no socket lies there", address);
  owned_socket probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(probe.number(), reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0)
    return is_taken(address);
  // A full backlog is a sign of life, too.
  if (errno == EAGAIN) return is_taken(address);
  ::unlink(where.sun_path);
  return {};
}

expected<listening_address> listen_on_path(const std::string& address, const std::string& path) {
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof where.sun_path)
    return fail(errc::invalid_argument, "{}: the path of a unix socket has 1 to {} characters", address,
                sizeof where.sun_path - 1);
  path.copy(where.sun_path, path.size());
  if (auto clear = clear_path(address, where); !clear) return failure(clear.error());
  owned_socket made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::bind(made.number(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0 ||
      ::listen(made.number(), SOMAXCONN) != 0)
    return cannot_listen(address, errno);
  std::vector<owned_socket> sockets;
  sockets.push_back(std::move(made));
  return listening_address(address, std::move(sockets), path);
}

using address_list = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

expected<address_list> look_up(const std::string& address, const host_and_port& parts) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* answer = nullptr;
  if (int fault = ::getaddrinfo(parts.host.c_str(), parts.port.c_str(), &wanted, &answer); fault != 0)
    return fail(errc::unavailable, "cannot listen on {}: {}", address, ::gai_strerror(fault));
  return address_list(answer, ::freeaddrinfo);
}

int port_in(const sockaddr* where) {
  return ntohs(where->sa_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(where)->sin6_port
                                            : reinterpret_cast<const sockaddr_in*>(where)->sin_port);
}

// 0: listening; otherwise why not.
int bind_and_listen(owned_socket& made, sockaddr_storage where, socklen_t size, int& port) {
  made = owned_socket(::socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (made.number() < 0) return errno;
  int yes = 1;
  int no = 0;
  // Connections in TIME_WAIT do not count. Two servers on one port would share its clients by chance.
  ::setsockopt(made.number(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  ::setsockopt(made.number(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (where.ss_family == AF_INET6) {
    auto& six = reinterpret_cast<sockaddr_in6&>(where);
    if (port != 0) six.sin6_port = htons(static_cast<std::uint16_t>(port));
    const bool any = IN6_IS_ADDR_UNSPECIFIED(&six.sin6_addr);
    ::setsockopt(made.number(), IPPROTO_IPV6, IPV6_V6ONLY, any ? &no : &yes, sizeof no);
  } else if (port != 0) {
    reinterpret_cast<sockaddr_in&>(where).sin_port = htons(static_cast<std::uint16_t>(port));
  }
  if (::bind(made.number(), reinterpret_cast<const sockaddr*>(&where), size) != 0 ||
      ::listen(made.number(), SOMAXCONN) != 0)
    return errno;
  sockaddr_storage bound{};
  socklen_t bound_size = sizeof bound;
  ::getsockname(made.number(), reinterpret_cast<sockaddr*>(&bound), &bound_size);
  port = port_in(reinterpret_cast<const sockaddr*>(&bound));
  return 0;
}

bool is_any_of_ipv4(const addrinfo& one) {
  return one.ai_family == AF_INET &&
         reinterpret_cast<const sockaddr_in*>(one.ai_addr)->sin_addr.s_addr == htonl(INADDR_ANY);
}

// Both families by one socket; false where this machine does not speak the second.
bool listen_on_all(const addrinfo& four, owned_socket& made, int& port, int& fault) {
  sockaddr_storage where{};
  auto& six = reinterpret_cast<sockaddr_in6&>(where);
  six.sin6_family = AF_INET6;
  six.sin6_port = reinterpret_cast<const sockaddr_in*>(four.ai_addr)->sin_port;
  fault = bind_and_listen(made, where, sizeof six, port);
  return fault == 0 || fault == EADDRINUSE || fault == EACCES;
}

std::string with_port(const std::string& address, int port) {
  if (!address.ends_with(":0")) return address;
  return address.substr(0, address.size() - 1) + std::to_string(port);
}

expected<listening_address> listen_on_tcp(const std::string& address) {
  auto parts = parse_host_and_port(address);
  if (!parts) return failure(std::move(parts).error());
  auto found = look_up(address, *parts);
  if (!found) return failure(std::move(found).error());
  std::vector<owned_socket> sockets;
  int port = 0;
  int last_fault = EADDRNOTAVAIL;
  for (const addrinfo* one = found->get(); one != nullptr; one = one->ai_next) {
    owned_socket made;
    int fault = 0;
    if (!is_any_of_ipv4(*one) || !listen_on_all(*one, made, port, fault)) {
      sockaddr_storage where{};
      std::memcpy(&where, one->ai_addr, one->ai_addrlen);
      fault = bind_and_listen(made, where, one->ai_addrlen, port);
    }
    if (fault == EADDRINUSE || fault == EACCES) return cannot_listen(address, fault);
    if (fault == 0)
      sockets.push_back(std::move(made));
    else
      last_fault = fault;  // a family this machine does not speak, perhaps
  }
  if (sockets.empty()) return cannot_listen(address, last_fault);
  return listening_address(with_port(address, port), std::move(sockets), {});
}

}  // namespace

listening_address::listening_address(listening_address&& other) noexcept
    : address_(std::move(other.address_)),
      sockets_(std::move(other.sockets_)),
      socket_file_(std::exchange(other.socket_file_, {})) {}

listening_address::~listening_address() {
  if (!socket_file_.empty()) ::unlink(socket_file_.c_str());
}

expected<listening_address> listen_on(const std::string& address) {
  if (address.starts_with(unix_prefix)) return listen_on_path(address, address.substr(unix_prefix.size()));
  return listen_on_tcp(address);
}

int port_of(const std::string& address) {
  if (address.starts_with(unix_prefix)) return 0;
  int port = 0;
  const char* end = address.data() + address.size();
  std::from_chars(address.data() + address.rfind(':') + 1, end, port);
  return port;
}

}  // namespace kiln
