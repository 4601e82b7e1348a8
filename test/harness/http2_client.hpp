#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kiln::test {

/// A client of gRPC that gRPC's own cannot be: HTTP/2 by hand (RFC 9113), so that it pings when the test says
/// so, sends what has no time left, and never makes room for what it is sent: a stream gets 64 KiB, and so do
/// all of them together. One thread. Everything throws std::runtime_error when the connection is gone.
class http2_client {
public:
  enum class kind : std::uint8_t { data = 0, headers = 1, reset = 3, settings = 4, ping = 6, go_away = 7 };
  struct frame {
    kind type{};
    std::uint8_t flags = 0;
    std::uint32_t stream = 0;
    std::string payload;

    /// Of data and headers: nothing follows on this stream.
    bool is_last() const noexcept { return type == kind::reset || (flags & 1) != 0; }
  };
  using headers = std::vector<std::pair<std::string, std::string>>;

  /// "127.0.0.1:PORT", where somebody listens.
  explicit http2_client(const std::string& address);
  ~http2_client();
  http2_client(const http2_client&) = delete;
  http2_client& operator=(const http2_client&) = delete;

  /// A whole request of gRPC with one message. -> its stream.
  std::uint32_t call(const std::string& method, const std::string& message, const headers& more = {});
  /// So many requests, each taken back at once.
  void call_and_reset(const std::string& method, int times);
  /// All at once: whoever answers the first of them by leaving has been sent the last.
  void ping(int times = 1);
  /// What is sent to us next; nothing if that takes longer. Settings are answered and not told.
  std::optional<frame> next(std::chrono::milliseconds patience = std::chrono::minutes(1));

private:
  void send(kind type, std::uint8_t flags, std::uint32_t stream, const std::string& payload);
  void write(const std::string& what);
  bool fill(std::size_t size, std::chrono::milliseconds patience);

  int socket_ = -1;
  std::string received_;
  std::uint32_t next_stream_ = 1;
};

}  // namespace kiln::test
