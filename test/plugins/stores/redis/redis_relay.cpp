#include "test/plugins/stores/redis/redis_relay.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace kiln::test {
namespace {

sockaddr_un socket_at(const std::string& path) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  path.copy(at.sun_path, sizeof at.sun_path - 1);
  return at;
}

int new_unix_socket() {
  return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

int listen_at(const std::string& path) {
  int made = new_unix_socket();
  auto at = socket_at(path);
  if (::bind(made, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || ::listen(made, 64) != 0)
    throw std::runtime_error("nobody can listen at " + path);
  return made;
}

bool send_all(int to, const char* data, std::size_t size) {
  for (std::size_t sent = 0; sent < size;) {
    auto some = ::send(to, data + sent, size - sent, MSG_NOSIGNAL);
    if (some <= 0) return false;
    sent += static_cast<std::size_t>(some);
  }
  return true;
}

// "$5\r\nhello\r\n" behind `at`; npos if it is not all there.
std::size_t take_word(const std::string& from, std::size_t at, std::string& word) {
  const auto line = from.find("\r\n", at);
  if (line == std::string::npos) return line;
  const auto size = std::stoul(from.substr(at + 1, line - at - 1));
  if (from.size() < line + 2 + size + 2) return std::string::npos;
  word = from.substr(line + 2, size);
  return line + 2 + size + 2;
}

}  // namespace

std::vector<std::vector<std::string>> command_parser::feed(const char* data, std::size_t size) {
  rest_.append(data, size);
  std::vector<std::vector<std::string>> commands;
  std::size_t done = 0;
  for (;;) {
    const auto line = rest_.find("\r\n", done);
    if (line == std::string::npos) break;
    const auto count = std::stoul(rest_.substr(done + 1, line - done - 1));
    std::vector<std::string> words(count);
    std::size_t at = line + 2;
    for (auto& word : words) {
      if (at == std::string::npos || at >= rest_.size()) at = std::string::npos;
      if (at == std::string::npos) break;
      at = take_word(rest_, at, word);
    }
    if (at == std::string::npos) break;
    commands.push_back(std::move(words));
    done = at;
  }
  rest_.erase(0, done);
  return commands;
}

redis_relay::redis_relay(const std::string& server_socket)
    : server_socket_(server_socket), listening_(listen_at(socket())) {
  acceptor_ = std::thread([this] { run(); });
}

redis_relay::~redis_relay() {
  ::shutdown(listening_, SHUT_RDWR);
  acceptor_.join();
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  cut();
  for (auto& thread : threads_) thread.join();
  for (int each : open_) ::close(each);
  ::close(listening_);
}

std::size_t redis_relay::commands() const {
  std::lock_guard lock(mutex_);
  return commands_;
}

std::size_t redis_relay::connections() const {
  std::lock_guard lock(mutex_);
  return connections_;
}

void redis_relay::hold_until_after(std::size_t more) {
  std::lock_guard lock(mutex_);
  hold_until_ = commands_ + more;
}

void redis_relay::cut_after(std::size_t bytes) {
  std::lock_guard lock(mutex_);
  cut_after_ = bytes;
}

void redis_relay::cut() {
  std::lock_guard lock(mutex_);
  for (int each : open_) ::shutdown(each, SHUT_RDWR);
}

void redis_relay::run() {
  for (int client = 0; (client = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    int server = new_unix_socket();
    auto at = socket_at(server_socket_);
    if (::connect(server, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) ::shutdown(client, SHUT_RDWR);
    std::lock_guard lock(mutex_);
    ++connections_;
    open_.insert(open_.end(), {client, server});
    threads_.emplace_back([this, client, server] { pass_commands(client, server); });
    threads_.emplace_back([this, client, server] { pass_answers(server, client); });
  }
}

void redis_relay::pass_commands(int client, int server) {
  command_parser parser;
  std::vector<char> buffer(256 << 10);
  for (ssize_t got = 0; (got = ::recv(client, buffer.data(), buffer.size(), 0)) > 0;) {
    const auto size = static_cast<std::size_t>(got);
    const auto whole = parser.feed(buffer.data(), size).size();
    {
      std::lock_guard lock(mutex_);
      commands_ += whole;
      changed_.notify_all();
    }
    if (!send_all(server, buffer.data(), size)) break;
  }
  ::shutdown(client, SHUT_RDWR);
  ::shutdown(server, SHUT_RDWR);
}

void redis_relay::pass_answers(int server, int client) {
  std::vector<char> buffer(256 << 10);
  for (ssize_t got = 0; (got = ::recv(server, buffer.data(), buffer.size(), 0)) > 0;) {
    auto size = static_cast<std::size_t>(got);
    bool cuts = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return ended_ || commands_ >= hold_until_; });
      if (cut_after_) {
        cuts = size >= *cut_after_;
        size = std::min(size, *cut_after_);
        *cut_after_ -= size;
        if (cuts) cut_after_.reset();
      }
    }
    if (!send_all(client, buffer.data(), size)) break;
    if (cuts) cut();
  }
  ::shutdown(client, SHUT_RDWR);
  ::shutdown(server, SHUT_RDWR);
}

scripted_redis::scripted_redis(script answers)
    : answers_(std::move(answers)), listening_(listen_at((folder_ / "script.sock").string())) {
  acceptor_ = std::thread([this] { run(); });
}

scripted_redis::~scripted_redis() {
  ::shutdown(listening_, SHUT_RDWR);
  acceptor_.join();
  for (int each : open_) ::shutdown(each, SHUT_RDWR);
  for (auto& thread : threads_) thread.join();
  for (int each : open_) ::close(each);
  ::close(listening_);
}

std::size_t scripted_redis::count(const std::string& command) const {
  std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count(seen_.begin(), seen_.end(), command));
}

void scripted_redis::run() {
  for (int client = 0; (client = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    open_.push_back(client);
    threads_.emplace_back([this, client] { serve(client); });
  }
}

void scripted_redis::serve(int client) {
  command_parser parser;
  std::vector<char> buffer(64 << 10);
  for (ssize_t got = 0; (got = ::recv(client, buffer.data(), buffer.size(), 0)) > 0;)
    for (const auto& command : parser.feed(buffer.data(), static_cast<std::size_t>(got))) {
      {
        std::lock_guard lock(mutex_);
        seen_.push_back(command.front());
      }
      auto answer = answers_(command);
      if (answer.empty() || !send_all(client, answer.data(), answer.size())) {
        ::shutdown(client, SHUT_RDWR);
        return;
      }
    }
}

std::string greeted(const std::vector<std::string>& command) {
  if (command[0] == "CLIENT") return "+OK\r\n";
  if (command[0] == "PING") return "+PONG\r\n";
  if (command[0] == "ROLE") return "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
  return {};
}

}  // namespace kiln::test
