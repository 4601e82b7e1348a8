#include "core/observe/printable.hpp"

#include <array>

namespace kiln {

code_point first_code_point(std::string_view text) noexcept {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const code_point broken{lead, 1, false};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return broken;
  char32_t value = lead & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return broken;
    value = (value << 6) | (byte(i) & 0x3f);
  }
  static constexpr std::array<char32_t, 5> smallest = {0, 0, 0x80, 0x800, 0x10000};
  if (value < smallest[size] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return broken;
  return {value, size, true};
}

bool is_printable(char32_t value) noexcept {
  if (value < 0x20 || (value >= 0x7f && value < 0xa0)) return false;
  return !(value >= 0x2028 && value <= 0x202e) && !(value >= 0x2066 && value <= 0x2069);
}

}  // namespace kiln
