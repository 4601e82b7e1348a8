#include "plugins/transports/http/chunked_body.hpp"

#include <algorithm>
#include <cstring>

namespace kiln::http_plugin {
namespace {

constexpr std::size_t longest_line = 4 << 10;
constexpr std::size_t longest_trailer = 16 << 10;
constexpr std::size_t max_digits = 15;  // more bytes than there are

tl::unexpected<bad_request> bad_chunk(std::string why) {
  return tl::unexpected<bad_request>({400, "the body is not in chunks: " + std::move(why)});
}

bool is_plain(std::string_view line) {
  return std::all_of(line.begin(), line.end(),
                     [](unsigned char c) { return (c >= 0x20 && c != 0x7f) || c == '\t'; });
}

std::optional<std::uint64_t> size_in(std::string_view line) {
  const auto digits = line.substr(0, line.find_first_of("; \t"));
  if (digits.empty() || digits.size() > max_digits) return std::nullopt;
  // Behind the digits there is nothing, or an extension.
  auto behind = line.substr(digits.size());
  behind.remove_prefix(std::min(behind.find_first_not_of(" \t"), behind.size()));
  if (!behind.empty() && behind.front() != ';') return std::nullopt;
  std::uint64_t size = 0;
  for (char c : digits) {
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return std::nullopt;
    size = size << 4 | static_cast<std::uint64_t>(digit);
  }
  return size;
}

}  // namespace

tl::expected<std::optional<std::string_view>, bad_request> chunked_body::line_of(std::string_view bytes) {
  const auto end = bytes.find('\n');
  if (std::min(end, bytes.size()) > longest_line) return bad_chunk("a line of it is too long");
  if (end == bytes.npos) return std::nullopt;
  const auto line = bytes.substr(0, end == 0 ? 0 : end - 1);
  if (end == 0 || bytes[end - 1] != '\r' || !is_plain(line)) return bad_chunk("a line of it has a bad end");
  return line;
}

tl::expected<chunked_body::piece, bad_request> chunked_body::put(std::string_view bytes, char* into,
                                                                 std::size_t room) {
  auto rest = bytes;
  const auto had = room;
  for (bool more = true; more;) {
    auto went_on = step(rest, into, room);
    if (!went_on) return tl::unexpected<bad_request>(went_on.error());
    more = *went_on;
  }
  return piece{bytes.size() - rest.size(), had - room, state_ == state::complete};
}

// False: there is nothing to go on with.
tl::expected<bool, bad_request> chunked_body::step(std::string_view& rest, char*& into, std::size_t& room) {
  if (state_ == state::complete) return false;
  if (state_ == state::data) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>({left_, room, rest.size()}));
    std::memcpy(into, rest.data(), size);
    into += size;
    room -= size;
    rest.remove_prefix(size);
    left_ -= size;
    if (left_ == 0) state_ = state::end_of_data;
    return left_ == 0;
  }
  if (state_ == state::end_of_data && !rest.empty() && rest.front() != '\r')
    return bad_chunk("a chunk is longer than its size");
  auto line = line_of(rest);
  if (!line) return tl::unexpected<bad_request>(line.error());
  if (!*line) return false;
  rest.remove_prefix((*line)->size() + 2);
  switch (state_) {
    case state::size: {
      auto size = size_in(**line);
      if (!size) return bad_chunk("a chunk has no size");
      left_ = *size;
      state_ = left_ == 0 ? state::trailer : state::data;
      break;
    }
    case state::end_of_data:
      if (!(*line)->empty()) return bad_chunk("a chunk is longer than its size");
      state_ = state::size;
      break;
    default:
      trailer_size_ += (*line)->size() + 2;
      if (trailer_size_ > longest_trailer) return bad_chunk("its trailer is too long");
      if ((*line)->empty()) state_ = state::complete;
  }
  return true;
}

}  // namespace kiln::http_plugin
