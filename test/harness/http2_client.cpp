#include "test/harness/http2_client.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace kiln::test {
namespace {

constexpr std::uint8_t end_of_stream = 1;
constexpr std::uint8_t acknowledged = 1;
constexpr std::uint8_t end_of_headers = 4;
constexpr std::size_t frame_head = 9;

std::string big_endian(std::uint64_t value, int bytes) {
  std::string text;
  while (bytes-- > 0) text += static_cast<char>(value >> (8 * bytes));
  return text;
}

std::uint32_t number_in(const std::string& text, std::size_t at, std::size_t bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + bytes; ++i) value = value << 8 | static_cast<unsigned char>(text[i]);
  return value;
}

// HPACK without its tables (RFC 7541, 6.2.2): one byte holds any length that is needed here.
std::string field(const std::string& name, const std::string& value) {
  if (name.size() > 126 || value.size() > 126)
    throw std::runtime_error("the header " + name + " is too long");
  return '\0' + big_endian(name.size(), 1) + name + big_endian(value.size(), 1) + value;
}

std::string frame_of(http2_client::kind type, std::uint8_t flags, std::uint32_t stream,
                     const std::string& payload) {
  return big_endian(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) +
         big_endian(stream, 4) + payload;
}

}  // namespace

http2_client::http2_client(const std::string& address)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  auto colon = address.rfind(':');
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &where.sin_addr);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0) {
    ::close(socket_);
    throw std::runtime_error("nobody listens on " + address);
  }
  write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  send(kind::settings, 0, 0, "");
}

http2_client::~http2_client() {
  ::close(socket_);
}

namespace {

std::string header_block(const std::string& method, const http2_client::headers& more) {
  http2_client::headers all{{":method", "POST"}, {":scheme", "http"},
                            {":path", method},   {":authority", "localhost"},
                            {"te", "trailers"},  {"content-type", "application/grpc"}};
  all.insert(all.end(), more.begin(), more.end());
  std::string block;
  for (const auto& [name, value] : all) block += field(name, value);
  return block;
}

}  // namespace

void http2_client::call_and_reset(const std::string& method, int times) {
  constexpr std::uint64_t cancel = 8;
  const auto block = header_block(method, {});
  std::string all;
  for (int i = 0; i < times; ++i, next_stream_ += 2) {
    all += frame_of(kind::headers, end_of_headers, next_stream_, block);
    all += frame_of(kind::reset, 0, next_stream_, big_endian(cancel, 4));
  }
  write(all);
}

std::uint32_t http2_client::call(const std::string& method, const std::string& message, const headers& more) {
  const auto block = header_block(method, more);
  auto stream = std::exchange(next_stream_, next_stream_ + 2);
  send(kind::headers, end_of_headers, stream, block);
  send(kind::data, end_of_stream, stream, '\0' + big_endian(message.size(), 4) + message);
  return stream;
}

void http2_client::ping(int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += frame_of(kind::ping, 0, 0, "eight by");
  write(all);
}

std::optional<http2_client::frame> http2_client::next(std::chrono::milliseconds patience) {
  for (;;) {
    if (!fill(frame_head, patience)) return std::nullopt;
    std::size_t size = number_in(received_, 0, 3);
    if (!fill(frame_head + size, patience)) return std::nullopt;
    frame got{static_cast<kind>(received_[3]), static_cast<std::uint8_t>(received_[4]),
              number_in(received_, 5, 4), received_.substr(frame_head, size)};
    received_.erase(0, frame_head + size);
    if (got.type != kind::settings) return got;
    if ((got.flags & acknowledged) == 0) send(kind::settings, acknowledged, 0, "");
  }
}

void http2_client::send(kind type, std::uint8_t flags, std::uint32_t stream, const std::string& payload) {
  write(frame_of(type, flags, stream, payload));
}

void http2_client::write(const std::string& what) {
  for (std::size_t done = 0; done < what.size();) {
    auto sent = ::send(socket_, what.data() + done, what.size() - done, MSG_NOSIGNAL);
    if (sent <= 0) throw std::runtime_error("the connection is gone");
    done += static_cast<std::size_t>(sent);
  }
}

bool http2_client::fill(std::size_t size, std::chrono::milliseconds patience) {
  while (received_.size() < size) {
    pollfd readable{socket_, POLLIN, 0};
    if (::poll(&readable, 1, static_cast<int>(patience.count())) == 0) return false;
    std::array<char, 16 << 10> buffer{};
    auto got = ::recv(socket_, buffer.data(), buffer.size(), 0);
    if (got <= 0) throw std::runtime_error("the connection is gone");
    received_.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return true;
}

}  // namespace kiln::test
