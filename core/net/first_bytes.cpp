#include "core/net/first_bytes.hpp"

#include <cstddef>
#include <optional>

namespace kiln {
namespace {

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::uint8_t handshake = 22;
constexpr std::uint16_t alpn = 16;

/// Takes numbers and runs of bytes off the front. What is not there makes it broken.
class cursor {
public:
  explicit cursor(std::string_view over) : rest_(over) {}

  std::size_t number(int bytes) {
    std::size_t value = 0;
    for (unsigned char c : take(static_cast<std::size_t>(bytes))) value = value << 8 | c;
    return value;
  }
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) {
      broken_ = true;
      rest_ = {};
      return {};
    }
    auto front = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return front;
  }
  /// As long as the number of so many bytes in front of it says.
  std::string_view run(int bytes) { return take(number(bytes)); }
  bool more() const noexcept { return !rest_.empty(); }
  bool broken() const noexcept { return broken_; }

private:
  std::string_view rest_;
  bool broken_ = false;
};

spoken offered_in(std::string_view list) {
  cursor names(list);
  cursor protocols(names.run(2));
  bool h1 = false;
  bool h2 = false;
  while (protocols.more()) {
    auto name = protocols.run(1);
    h1 |= name == "http/1.1";
    h2 |= name == "h2";
  }
  return h2 && !h1 ? spoken::http2 : spoken::http1;
}

// RFC 8446, 4.1.2, within the first record. A hello that spreads over several is taken for HTTP/2: such are
// the largest, of clients of gRPC with many ciphers, and nobody else's.
spoken hello_of(std::string_view bytes) {
  cursor record(bytes.substr(3));  // behind its type and version
  const auto size = record.number(2);
  if (record.broken() || bytes.size() < 5 + size) return spoken::unknown;
  cursor hello(record.take(size));
  hello.take(4 + 2 + 32);  // type and length, version, random
  hello.run(1);            // session
  hello.run(2);            // ciphers
  hello.run(1);            // compressions
  cursor extensions(hello.run(2));
  if (hello.broken()) return spoken::http2;
  while (extensions.more()) {
    const auto type = extensions.number(2);
    auto content = extensions.run(2);
    if (type == alpn && !extensions.broken()) return offered_in(content);
  }
  return spoken::http1;
}

}  // namespace

spoken what_speaks(std::string_view first_bytes, bool encrypted) {
  if (first_bytes.empty()) return spoken::unknown;
  const bool is_tls = static_cast<std::uint8_t>(first_bytes[0]) == handshake;
  if (is_tls != encrypted) return is_tls ? spoken::tls : spoken::plain;
  if (encrypted) return first_bytes.size() < 5 ? spoken::unknown : hello_of(first_bytes);
  // No method of HTTP/1.1 is called PRI.
  const auto compared = first_bytes.substr(0, 4);
  if (!preface.starts_with(compared)) return spoken::http1;
  return compared.size() == 4 ? spoken::http2 : spoken::unknown;
}

}  // namespace kiln
