#include "test/harness/long_wire.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace kiln::test {
namespace {

sockaddr_in place_of(const std::string& address) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return where;
}

int make_socket() {
  return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

}  // namespace

long_wire::long_wire(const std::string& target, std::chrono::milliseconds delay)
    : target_(target), delay_(delay), listening_(make_socket()) {
  auto where = place_of("127.0.0.1:0");
  if (::bind(listening_, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0 ||
      ::listen(listening_, 16) != 0)
    throw std::runtime_error("a wire cannot listen");
  acceptor_ = std::thread([this] { accept_all(); });
}

long_wire::~long_wire() {
  ::shutdown(listening_, SHUT_RDWR);
  acceptor_.join();
  for (int each : open_) ::shutdown(each, SHUT_RDWR);
  for (auto& thread : threads_) thread.join();
  for (int each : open_) ::close(each);
  ::close(listening_);
}

std::string long_wire::address() const {
  sockaddr_in where{};
  socklen_t size = sizeof where;
  ::getsockname(listening_, reinterpret_cast<sockaddr*>(&where), &size);
  return "127.0.0.1:" + std::to_string(ntohs(where.sin_port));
}

void long_wire::accept_all() {
  for (int client = 0; (client = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    const int server = make_socket();
    auto where = place_of(target_);
    if (::connect(server, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0)
      ::shutdown(client, SHUT_RDWR);
    open_.insert(open_.end(), {client, server});
    auto& there = lanes_.emplace_back();
    auto& back = lanes_.emplace_back();
    threads_.emplace_back([this, client, &there] { take(client, there, to_server_); });
    threads_.emplace_back([this, server, &there] { give(server, there, to_server_); });
    threads_.emplace_back([this, server, &back] { take(server, back, to_client_); });
    threads_.emplace_back([this, client, &back] { give(client, back, to_client_); });
  }
}

void long_wire::take(int from, lane& onto, way& counted) const {
  std::string buffer(1 << 20, '\0');
  for (ssize_t got = 1; got > 0;) {
    got = ::recv(from, buffer.data(), buffer.size(), 0);
    piece next{std::chrono::steady_clock::now() + delay_,
               buffer.substr(0, got > 0 ? static_cast<std::size_t>(got) : 0)};
    const std::size_t now = counted.now += next.content.size();
    for (auto most = counted.most.load(); most < now && !counted.most.compare_exchange_weak(most, now);) {
    }
    std::lock_guard lock(onto.mutex);
    onto.pieces.push_back(std::move(next));
    onto.changed.notify_all();
  }
}

void long_wire::give(int to, lane& from, way& counted) {
  for (;;) {
    piece next;
    {
      std::unique_lock lock(from.mutex);
      from.changed.wait(lock, [&] { return !from.pieces.empty(); });
      // It takes its time: that is what this wire is.
      while (std::chrono::steady_clock::now() < from.pieces.front().due)
        from.changed.wait_until(lock, from.pieces.front().due);
      next = std::move(from.pieces.front());
      from.pieces.pop_front();
    }
    if (next.content.empty()) break;
    counted.now -= next.content.size();
    for (std::size_t done = 0; done < next.content.size();) {
      const auto sent = ::send(to, next.content.data() + done, next.content.size() - done, MSG_NOSIGNAL);
      if (sent <= 0) break;
      done += static_cast<std::size_t>(sent);
    }
  }
  ::shutdown(to, SHUT_RDWR);
}

}  // namespace kiln::test
