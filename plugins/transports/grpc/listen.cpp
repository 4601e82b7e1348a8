#include "plugins/transports/grpc/listen.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "core/config/endpoint.hpp"

namespace kiln::grpc_plugin {
namespace {

class descriptor {
public:
  explicit descriptor(int number) noexcept : number_(number) {}
  ~descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int number() const noexcept { return number_; }

private:
  int number_;
};

failure is_taken(const std::string& address) {
  return fail(errc::unavailable, "address {} is taken: another server listens there", address);
}

failure cannot_listen(const std::string& address, int errno_value) {
  if (errno_value == EADDRINUSE) return is_taken(address);
  auto code = errno_value == EACCES ? errc::permission_denied : errc::unavailable;
  return fail(code, "cannot listen on {}: {}", address, std::strerror(errno_value));
}

expected<void> check_unix(const std::string& address, const std::string& path) {
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof where.sun_path)
    return fail(errc::invalid_argument, "{}: the path of a unix socket has 1 to {} characters", address,
                sizeof where.sun_path - 1);
  path.copy(where.sun_path, path.size());
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return cannot_listen(address, errno);
  }
  if (!S_ISSOCK(found.st_mode))
    return fail(errc::unavailable, "cannot listen on {}: a file that is no socket lies there", address);
  descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(probe.number(), reinterpret_cast<sockaddr*>(&where), sizeof where) == 0)
    return is_taken(address);
  // A full backlog is a sign of life, too.
  if (errno == EAGAIN) return is_taken(address);
  return {};
}

expected<void> check_tcp(const std::string& address) {
  auto parts = parse_host_and_port(address);
  if (!parts) return fail(std::move(parts).error());
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* answer = nullptr;
  if (int fault = ::getaddrinfo(parts->host.c_str(), parts->port.c_str(), &wanted, &answer); fault != 0)
    return fail(errc::unavailable, "cannot listen on {}: {}", address, ::gai_strerror(fault));
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> found(answer, ::freeaddrinfo);
  for (const addrinfo* one = found.get(); one != nullptr; one = one->ai_next) {
    descriptor probe(::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol));
    if (probe.number() < 0) continue;  // a family this machine does not speak
    // As gRPC binds: connections in TIME_WAIT do not count, a listener does.
    int yes = 1;
    ::setsockopt(probe.number(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (::bind(probe.number(), one->ai_addr, one->ai_addrlen) != 0) return cannot_listen(address, errno);
  }
  return {};
}

}  // namespace

expected<void> check_addresses(const std::vector<std::string>& addresses) {
  for (const std::string& address : addresses) {
    auto free = address.starts_with("unix:") ? check_unix(address, address.substr(5)) : check_tcp(address);
    if (!free) return free;
  }
  return {};
}

std::string with_port(const std::string& address, int port) {
  if (address.starts_with("unix:") || !address.ends_with(":0")) return address;
  return address.substr(0, address.size() - 1) + std::to_string(port);
}

}  // namespace kiln::grpc_plugin
