#include "core/wire/utf8.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace kiln {
namespace {

// The length that a first byte announces, and the least code point that needs it; 0 for none.
struct sequence {
  std::size_t length;
  std::uint32_t least;
  std::uint32_t bits;
};
sequence sequence_of(std::uint8_t lead) noexcept {
  if (lead < 0x80) return {1, 0, lead};
  if ((lead & 0xe0) == 0xc0) return {2, 0x80, lead & 0x1fu};
  if ((lead & 0xf0) == 0xe0) return {3, 0x800, lead & 0x0fu};
  if ((lead & 0xf8) == 0xf0) return {4, 0x10000, lead & 0x07u};
  return {0, 0, 0};
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    auto [length, least, point] = sequence_of(static_cast<std::uint8_t>(text.front()));
    if (length == 0 || length > text.size()) return false;
    for (char c : text.substr(1, length - 1)) {
      auto byte = static_cast<std::uint8_t>(c);
      if ((byte & 0xc0) != 0x80) return false;
      point = point << 6 | (byte & 0x3fu);
    }
    if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string escaped(std::string_view text, std::size_t limit) {
  std::string result;
  for (char c : text.substr(0, limit)) {
    if (c >= ' ' && c <= '~')
      result += c;
    else
      result += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(c));
  }
  if (text.size() > limit) result += "...";
  return result;
}

std::string without_controls(std::string_view text) {
  // Those of Latin-1 are controls as well: two bytes in UTF-8.
  constexpr char second_set = '\xc2';
  const bool known = is_utf8(text);
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    const bool two = known && text[i] == second_set && static_cast<std::uint8_t>(text[i + 1]) < 0xa0;
    if (byte >= ' ' && byte != 0x7f && (byte < 0x80 || known) && !two)
      result += text[i];
    else
      result += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(two ? text[++i] : text[i]));
  }
  return result;
}

std::string ascii_lower(std::string_view text) {
  std::string result(text);
  for (auto& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

}  // namespace kiln
