#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "core/net/web_client.hpp"
#include "test/harness/temporary_folder.hpp"

namespace kiln::test {

/// OpenStack's Swift, a real server that speaks S3 and checks signatures, out of Debian's packages: they lie
/// in the build's clients (fetch_clients) or are installed. It dies with this object, and with the thread
/// that started it.
class swift_server {
public:
  /// Whether there is one to be had; tests that need it are skipped where not.
  static bool is_there();

  swift_server();
  ~swift_server();
  swift_server(const swift_server&) = delete;
  swift_server& operator=(const swift_server&) = delete;

  int port() const noexcept { return port_; }
  void signal(int number) const noexcept;

private:
  const temporary_folder folder_;
  pid_t pid_ = -1;
  int port_ = 0;
};

/// Shared by all tests of a run, for it takes seconds to start. Each test has a bucket of its own.
swift_server& swift();

/// A signed client of the test's own, to look and to meddle.
class bucket_client {
public:
  /// Makes the bucket.
  explicit bucket_client(std::string bucket, int port = swift().port());
  ~bucket_client();

  web_answer ask(const std::string& method, const std::string& key, const std::string& query = {},
                 const std::string& body = {}, web_headers headers = {}) const;
  const std::string& name() const noexcept { return bucket_; }
  /// Names of all objects.
  std::string list() const { return std::string(ask("GET", "").body.view()); }
  /// Names of all uploads that have not ended.
  std::string uploads() const { return std::string(ask("GET", "", "uploads=").body.view()); }

private:
  const std::string bucket_;
  const int port_;
  const std::shared_ptr<web_client> web_;
};

/// A bucket that no other test has.
std::string new_bucket();

}  // namespace kiln::test
