#include "test/actors/services/remote_asset/web_peer.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <stdexcept>

namespace kiln::test {

web_peer::web_peer() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* where = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listening_.number(), where, size) != 0 || ::listen(listening_.number(), 16) != 0 ||
      ::getsockname(listening_.number(), where, &size) != 0)
    throw std::runtime_error("no port to listen on");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

web_peer::~web_peer() {
  ::shutdown(listening_.number(), SHUT_RDWR);
  thread_.join();
}

void web_peer::on(const std::string& path, answer how) {
  std::lock_guard lock(mutex_);
  answers_[path] = std::move(how);
}

void web_peer::on(const std::string& path, std::string raw) {
  on(path, [raw = std::move(raw)](int connection) { send(connection, raw); });
}

std::vector<std::string> web_peer::heads() const {
  std::lock_guard lock(mutex_);
  return heads_;
}

std::string web_peer::ok(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string web_peer::status(int code, const std::string& headers) {
  return "HTTP/1.1 " + std::to_string(code) + " So\r\n" + headers + "Content-Length: 4\r\n\r\nword";
}

bool web_peer::send(int connection, std::string_view what) {
  while (!what.empty()) {
    auto sent = ::send(connection, what.data(), what.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    what.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void web_peer::wait_until_gone(int connection) {
  char ignored[256];
  while (::recv(connection, ignored, sizeof ignored, 0) > 0) continue;
}

void web_peer::serve() {
  for (;;) {
    descriptor connection(::accept4(listening_.number(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection) return;
    ++connections_;
    serve_one(connection.number());
    ::shutdown(connection.number(), SHUT_WR);
  }
}

void web_peer::serve_one(int connection) {
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    char next = 0;
    if (::recv(connection, &next, 1, 0) != 1) return;
    head += next;
  }
  auto path = head.substr(head.find(' ') + 1);
  path.resize(path.find(' '));
  answer how;
  {
    std::lock_guard lock(mutex_);
    heads_.push_back(head);
    if (auto found = answers_.find(path); found != answers_.end()) how = found->second;
  }
  how ? how(connection) : void(send(connection, status(404)));
}

}  // namespace kiln::test
