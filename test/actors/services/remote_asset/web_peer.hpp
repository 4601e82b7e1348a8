#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/base/disk.hpp"

namespace kiln::test {

/// A server of the web on this machine that says what the test wants, one connection after the other, and
/// closes each after one answer. Unknown paths are 404.
class web_peer {
public:
  using answer = std::function<void(int connection)>;

  web_peer();
  ~web_peer();

  std::string port() const { return std::to_string(port_); }
  std::string url(const std::string& path, const std::string& host = "127.0.0.1") const {
    return "http://" + host + ":" + port() + path;
  }

  void on(const std::string& path, answer how);
  void on(const std::string& path, std::string raw);

  /// What clients sent, from the request line to the empty one.
  std::vector<std::string> heads() const;
  std::size_t connections() const noexcept { return connections_.load(); }

  static std::string ok(std::string_view body);
  static std::string status(int code, const std::string& headers = "");
  static std::string redirect(const std::string& to) { return status(302, "Location: " + to + "\r\n"); }
  /// False once the client is gone.
  static bool send(int connection, std::string_view what);
  static void wait_until_gone(int connection);

private:
  void serve();
  void serve_one(int connection);

  descriptor listening_;
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> connections_{0};
  mutable std::mutex mutex_;
  std::map<std::string, answer> answers_;
  std::vector<std::string> heads_;
  std::thread thread_;
};

}  // namespace kiln::test
