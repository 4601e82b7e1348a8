#include "test/end_to_end/relay.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace kiln::end_to_end {
namespace {

sockaddr_in local_address(const std::string& address) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return where;
}

int new_socket() {
  return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

// Until one of them ends; then the other is ended, too.
void pump(int from, int to) {
  std::array<char, 64 << 10> buffer{};
  for (;;) {
    auto got = ::recv(from, buffer.data(), buffer.size(), 0);
    if (got <= 0) break;
    for (ssize_t done = 0, sent = 0; done < got; done += sent) {
      sent = ::send(to, buffer.data() + done, static_cast<std::size_t>(got - done), MSG_NOSIGNAL);
      if (sent <= 0) break;
    }
  }
  ::shutdown(from, SHUT_RDWR);
  ::shutdown(to, SHUT_RDWR);
}

}  // namespace

relay::relay(const std::string& target) : target_(target), listening_(new_socket()) {
  auto where = local_address("127.0.0.1:0");
  if (::bind(listening_, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0 ||
      ::listen(listening_, 16) != 0)
    throw std::runtime_error("a relay cannot listen");
  acceptor_ = std::thread([this] { run(); });
}

relay::~relay() {
  ::shutdown(listening_, SHUT_RDWR);
  acceptor_.join();
  cut();
  for (auto& thread : threads_) thread.join();
  for (int each : open_) ::close(each);
  ::close(listening_);
}

std::string relay::address() const {
  sockaddr_in where{};
  socklen_t size = sizeof where;
  ::getsockname(listening_, reinterpret_cast<sockaddr*>(&where), &size);
  return "127.0.0.1:" + std::to_string(ntohs(where.sin_port));
}

void relay::cut() {
  std::lock_guard lock(mutex_);
  for (int each : open_) ::shutdown(each, SHUT_RDWR);
}

bool relay::has_passed_on(std::size_t connections, duration patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return connections_ >= connections; });
}

void relay::run() {
  for (int client = 0; (client = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;)
    pass_on(client);
}

void relay::pass_on(int client) {
  int server = new_socket();
  auto where = local_address(target_);
  if (::connect(server, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0)
    ::shutdown(client, SHUT_RDWR);
  std::lock_guard lock(mutex_);
  open_.insert(open_.end(), {client, server});
  threads_.emplace_back(pump, client, server);
  threads_.emplace_back(pump, server, client);
  ++connections_;
  changed_.notify_all();
}

}  // namespace kiln::end_to_end
