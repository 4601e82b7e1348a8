#include "test/plugins/stores/http/nginx_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "core/base/clock.hpp"
#include "test/places.hpp"

namespace kiln::test {
namespace {

std::string nginx_program() {
  const auto fetched = std::filesystem::path(KILN_BINARY).parent_path().parent_path() / "clients" / "nginx";
  return std::filesystem::exists(fetched) ? fetched.string() : "/usr/sbin/nginx";
}

sockaddr_in at_loopback(int port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(port));
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

int some_free_port() {
  int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto at = at_loopback(0);
  socklen_t size = sizeof at;
  ::bind(probe, reinterpret_cast<sockaddr*>(&at), sizeof at);
  ::getsockname(probe, reinterpret_cast<sockaddr*>(&at), &size);
  ::close(probe);
  return ntohs(at.sin_port);
}

bool somebody_listens_at(int port) {
  int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto at = at_loopback(port);
  const bool good = ::connect(probe, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
  ::close(probe);
  return good;
}

}  // namespace

bool nginx_server::is_there() {
  return std::filesystem::exists(nginx_program());
}

nginx_server::nginx_server() {
  std::filesystem::create_directories(files());
  // Whoever takes the port in between ends this nginx, and another port is tried.
  for (int tries = 20; tries > 0; --tries)
    if (start()) return;
  throw std::runtime_error("nginx does not start");
}

bool nginx_server::start() {
  port_ = some_free_port();
  const auto folder = folder_.path().string();
  std::ofstream(folder_ / "nginx.conf")
      << "daemon off; master_process off; worker_processes 1; error_log stderr crit; pid " << folder
      << "/pid;\nevents {worker_connections 512;}\nhttp {\n  access_log off; client_max_body_size 0;\n"
      << "  client_body_temp_path " << folder << "/body; proxy_temp_path " << folder
      << "/proxy; fastcgi_temp_path " << folder << "/fastcgi; uwsgi_temp_path " << folder
      << "/uwsgi; scgi_temp_path " << folder << "/scgi;\n"
      << "  server {\n    listen 127.0.0.1:" << port_ << ";\n    location /cache/ {root " << folder
      << "; dav_methods PUT DELETE; create_full_put_path on;}\n  }\n}\n";
  std::string program = nginx_program(), config = (folder_ / "nginx.conf").string(), prefix = folder;
  char* const words[] = {program.data(),
                         const_cast<char*>("-p"),
                         prefix.data(),
                         const_cast<char*>("-c"),
                         config.data(),
                         const_cast<char*>("-e"),
                         const_cast<char*>("stderr"),
                         nullptr};
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(nothing, STDOUT_FILENO);
    ::dup2(nothing, STDERR_FILENO);
    ::execv(words[0], words);
    ::_exit(127);
  }
  const auto until = system_clock().now() + std::chrono::seconds(60);
  while (system_clock().now() < until) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) break;
    if (somebody_listens_at(port_)) return true;
    std::this_thread::yield();
  }
  ::kill(pid_, SIGKILL);
  ::waitpid(std::exchange(pid_, -1), nullptr, 0);
  return false;
}

nginx_server::~nginx_server() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

}  // namespace kiln::test
