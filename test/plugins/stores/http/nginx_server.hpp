#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "test/harness/temporary_folder.hpp"

namespace kiln::test {

/// A real nginx with DAV, as a cache of the plainest kind: it keeps what is put, and proves nothing. Out of
/// the build's clients (fetch_clients), or installed. It dies with this object, and with the thread that
/// started it.
class nginx_server {
public:
  /// Whether there is one to be had; tests that need it are skipped where not.
  static bool is_there();

  nginx_server();
  ~nginx_server();
  nginx_server(const nginx_server&) = delete;
  nginx_server& operator=(const nginx_server&) = delete;

  int port() const noexcept { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/cache"; }
  /// Where it keeps what is put.
  std::filesystem::path files() const { return folder_ / "cache"; }

private:
  bool start();

  const temporary_folder folder_;
  pid_t pid_ = -1;
  int port_ = 0;
};

}  // namespace kiln::test
