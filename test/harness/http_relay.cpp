#include "test/harness/http_relay.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace kiln::test {
namespace {

sockaddr_in loopback_at(int port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(port));
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

bool write_whole(int to, const std::string& text) {
  for (std::size_t sent = 0; sent < text.size();) {
    auto some = ::send(to, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (some <= 0) return false;
    sent += static_cast<std::size_t>(some);
  }
  return true;
}

bool read_more(int from, std::string& into) {
  std::array<char, 64 << 10> buffer{};
  auto got = ::recv(from, buffer.data(), buffer.size(), 0);
  if (got <= 0) return false;
  into.append(buffer.data(), static_cast<std::size_t>(got));
  return true;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// Of a head that ends before `end`.
std::map<std::string, std::string> headers_of(const std::string& text, std::size_t end) {
  std::map<std::string, std::string> headers;
  for (auto line = text.find("\r\n"); line < end;) {
    line += 2;
    const auto next = std::min(text.find("\r\n", line), end);
    const auto colon = text.find(':', line);
    if (colon < next) {
      auto value = text.substr(colon + 1, next - colon - 1);
      value.erase(0, value.find_first_not_of(' '));
      headers[lower(text.substr(line, colon - line))] = value;
    }
    line = next;
  }
  return headers;
}

// Where the chunks from `at` on end; npos as long as they have not.
std::size_t end_of_chunks(const std::string& text, std::size_t at) {
  for (;;) {
    const auto line = text.find("\r\n", at);
    if (line == std::string::npos) return line;
    const auto size = std::stoul(text.substr(at, line - at), nullptr, 16);
    at = line + 2 + size + 2;
    if (at > text.size()) return std::string::npos;
    if (size == 0) return at;
  }
}

/// One message off the front of `rest`, reading more from `from`; empty if the connection ends before.
std::string take_message(int from, std::string& rest, bool has_body) {
  std::size_t head = 0;
  while ((head = rest.find("\r\n\r\n")) == std::string::npos)
    if (!read_more(from, rest)) return {};
  const auto headers = headers_of(rest, head);
  std::size_t end = head + 4;
  if (has_body && headers.contains("content-length")) {
    end += std::stoul(headers.at("content-length"));
  } else if (has_body && headers.contains("transfer-encoding")) {
    while ((end = end_of_chunks(rest, head + 4)) == std::string::npos)
      if (!read_more(from, rest)) return {};
  }
  while (rest.size() < end)
    if (!read_more(from, rest)) return {};
  auto message = rest.substr(0, end);
  rest.erase(0, end);
  return message;
}

}  // namespace

http_relay::http_relay(int server_port, judge what) : server_port_(server_port), judge_(std::move(what)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto at = loopback_at(0);
  socklen_t size = sizeof at;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || ::listen(listener_, 512) != 0)
    throw std::runtime_error("nobody can listen");
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
  port_ = ntohs(at.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

http_relay::~http_relay() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
    for (int one : open_) ::shutdown(one, SHUT_RDWR);
    ended_.notify_all();
  }
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (auto& one : threads_) one.join();
  ::close(listener_);
}

void http_relay::set_judge(judge what) {
  std::lock_guard lock(judging_);
  judge_ = std::move(what);
}

std::vector<std::string> http_relay::seen() const {
  std::lock_guard lock(mutex_);
  return seen_;
}

std::size_t http_relay::count(const std::string& beginning) const {
  const auto all = seen();
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [&](const auto& one) { return one.starts_with(beginning); }));
}

void http_relay::accept_all() {
  for (;;) {
    int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    std::lock_guard lock(mutex_);
    if (ending_) {
      ::close(client);
      return;
    }
    open_.push_back(client);
    threads_.emplace_back([this, client] { serve(client); });
  }
}

void http_relay::serve(int client) {
  int server = -1;
  std::string rest;
  while (one(client, server, rest)) {
  }
  std::lock_guard lock(mutex_);
  open_.remove(client);
  open_.remove(server);
  ::close(client);
  if (server >= 0) ::close(server);
}

bool http_relay::one(int client, int& server, std::string& rest) {
  std::size_t head = 0;
  while ((head = rest.find("\r\n\r\n")) == std::string::npos)
    if (!read_more(client, rest)) return false;
  if (headers_of(rest, head).contains("expect") && !write_whole(client, "HTTP/1.1 100 Continue\r\n\r\n"))
    return false;
  auto message = take_message(client, rest, true);
  if (message.empty()) return false;
  head = message.find("\r\n\r\n");
  request asked;
  asked.method = message.substr(0, message.find(' '));
  asked.target = message.substr(asked.method.size() + 1);
  asked.target.resize(asked.target.find(' '));
  asked.headers = headers_of(message, head);
  asked.body = message.substr(head + 4);
  {
    std::lock_guard lock(mutex_);
    seen_.push_back(asked.method + " " + asked.target);
  }
  verdict how;
  {
    std::lock_guard lock(judging_);
    if (judge_) how = judge_(asked);
  }
  if (how.silent) {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return ending_; });
    return false;
  }
  std::string reply = how.answer.value_or("");
  if (how.answer && asked.method == "HEAD") reply.resize(std::min(reply.size(), reply.find("\r\n\r\n") + 4));
  if (!how.answer) {
    if (server < 0) {
      server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      auto at = loopback_at(server_port_);
      if (::connect(server, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) return false;
      std::lock_guard lock(mutex_);
      open_.push_back(server);
    }
    // It has been answered already.
    if (const auto expect = lower(message.substr(0, head)).find("\r\nexpect:"); expect != std::string::npos)
      message.erase(expect, message.find("\r\n", expect + 2) - expect);
    std::string more;
    if (!write_whole(server, message)) return false;
    reply = take_message(server, more, asked.method != "HEAD");
    if (reply.empty()) return false;
  }
  if (how.change) how.change(reply);
  return write_whole(client, reply) && !how.cut;
}

std::string http_relay::answer(int status, const std::string& body,
                               const std::map<std::string, std::string>& headers) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " so\r\n";
  for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
  return text + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace kiln::test
