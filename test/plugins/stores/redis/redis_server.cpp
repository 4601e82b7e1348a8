#include "test/plugins/stores/redis/redis_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <stdexcept>
#include <utility>

#include "plugins/stores/redis/server_address.hpp"

namespace kiln::test {
namespace {

constexpr std::chrono::seconds start_limit{60};
constexpr std::size_t most = 256 << 20;

int connect_to(const redis_store::server_address& where) {
  if (where.is_socket()) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    where.host.copy(at.sun_path, sizeof at.sun_path - 1);
    int made = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(made, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0) return made;
    ::close(made);
    return -1;
  }
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(std::stoi(where.port)));
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(made, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0) return made;
  ::close(made);
  return -1;
}

// Only what is safe between fork and exec.
[[noreturn]] void become(char* const* words, int output) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::execvp(words[0], words);
  ::_exit(127);
}

std::vector<std::string> command_of(const std::vector<std::string>& words, const redis_server& server) {
  std::vector<std::string> all{"redis-server"};
  all.insert(all.end(), words.begin(), words.end());
  const bool is_sentinel = !words.empty() && words.back() == "--sentinel";
  if (is_sentinel) return all;
  for (const char* word : {"--save", "", "--appendonly", "no", "--daemonize", "no"}) all.emplace_back(word);
  auto unless_said = [&](const std::string& option, const std::string& value) {
    if (std::find(words.begin(), words.end(), option) == words.end()) all.insert(all.end(), {option, value});
  };
  unless_said("--unixsocket", server.socket());
  unless_said("--port", "0");
  unless_said("--dir", server.folder().path().string());
  return all;
}

}  // namespace

redis_cli::redis_cli(const std::string& endpoint) : reader_(most) {
  auto where = redis_store::parse_server_address(endpoint);
  if (where) socket_ = connect_to(*where);
  if (socket_ < 0) throw std::runtime_error("nobody listens at " + endpoint);
}

redis_cli::~redis_cli() {
  ::close(socket_);
}

redis_store::resp_reply redis_cli::ask(const std::vector<std::string>& words) {
  std::string request = "*" + std::to_string(words.size()) + "\r\n";
  for (const auto& word : words) request += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  for (std::size_t sent = 0; sent < request.size();) {
    auto some = ::send(socket_, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (some <= 0) throw std::runtime_error("the server is gone");
    sent += static_cast<std::size_t>(some);
  }
  return next();
}

redis_store::resp_reply redis_cli::next() {
  for (std::array<char, 64 << 10> buffer{};;) {
    auto next = reader_.next();
    if (!next) throw std::runtime_error(next.error().message());
    if (*next) return std::move(**next);
    auto got = ::recv(socket_, buffer.data(), buffer.size(), 0);
    if (got <= 0) throw std::runtime_error("the server is gone");
    if (auto fed = reader_.feed(buffer.data(), static_cast<std::size_t>(got)); !fed)
      throw std::runtime_error(fed.error().message());
  }
}

std::string redis_cli::text(const std::vector<std::string>& words) {
  return std::string(ask(words).text.view());
}

std::int64_t redis_cli::number(const std::vector<std::string>& words) {
  return ask(words).number;
}

redis_server::redis_server(std::vector<std::string> words) : words_(std::move(words)) {
  start();
}

redis_server::~redis_server() {
  kill();
}

void redis_server::start() {
  const auto command = command_of(words_, *this);
  std::vector<char*> words;
  for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  int output[2];
  if (::pipe2(output, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  said_.clear();
  silent_ = false;
  pid_ = ::fork();
  if (pid_ == 0) become(words.data(), output[1]);
  ::close(output[1]);
  if (pid_ < 0) throw std::runtime_error("no process");
  listener_ = std::thread([this, from = output[0]] { listen_to(from); });
  const bool is_sentinel = !words_.empty() && words_.back() == "--sentinel";
  try {
    await_words(is_sentinel ? "+monitor" : "eady to accept connections");
  } catch (...) {
    kill();
    throw;
  }
}

void redis_server::listen_to(int output) {
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = ::read(output, buffer.data(), buffer.size())) > 0;) {
    std::lock_guard lock(mutex_);
    said_.append(buffer.data(), static_cast<std::size_t>(got));
    said_more_.notify_all();
  }
  ::close(output);
  std::lock_guard lock(mutex_);
  silent_ = true;
  said_more_.notify_all();
}

void redis_server::await_words(const std::string& text) {
  std::unique_lock lock(mutex_);
  const bool said = said_more_.wait_for(lock, start_limit,
                                        [&] { return silent_ || said_.find(text) != std::string::npos; });
  if (!said || said_.find(text) == std::string::npos)
    throw std::runtime_error("redis-server did not say \"" + text + "\" but: " + said_);
}

void redis_server::signal(int number) const noexcept {
  if (pid_ > 0) ::kill(pid_, number);
}

void redis_server::kill() {
  if (pid_ <= 0) return;
  signal(SIGKILL);
  ::waitpid(std::exchange(pid_, -1), nullptr, 0);
  listener_.join();
}

// A server that becomes a master, or none, cuts off whoever asks at that moment.
redis_store::resp_reply redis_server::ask(const std::vector<std::string>& words) const {
  try {
    return redis_cli(endpoint()).ask(words);
  } catch (const std::runtime_error&) {
    return redis_cli(endpoint()).ask(words);
  }
}

int free_port() {
  int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ::bind(socket, reinterpret_cast<sockaddr*>(&at), sizeof at);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size);
  ::close(socket);
  return ntohs(at.sin_port);
}

std::unique_ptr<redis_server> start_at_some_port(
    int& port, const std::function<std::vector<std::string>(int)>& words_for) {
  for (int tries = 20;; --tries) {
    port = free_port();
    try {
      return std::make_unique<redis_server>(words_for(port));
    } catch (const std::runtime_error&) {
      if (tries == 0) throw;
    }
  }
}

}  // namespace kiln::test
