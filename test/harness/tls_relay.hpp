#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace kiln::test {

/// Takes TLS connections on a port of its own and passes what comes on to a port of this machine that speaks
/// plainly, as a proxy before a service does. Ends all connections with it.
class tls_relay {
public:
  /// `certificate` and `key`: files, of what it says it is.
  tls_relay(const std::string& certificate, const std::string& key, int to);
  ~tls_relay();
  tls_relay(const tls_relay&) = delete;
  tls_relay& operator=(const tls_relay&) = delete;

  int port() const noexcept { return port_; }
  /// Connections that came so far as to agree on a key.
  std::uint64_t secured() const noexcept;

private:
  struct relaying;
  int port_ = 0;
  std::unique_ptr<relaying> work_;
};

}  // namespace kiln::test
