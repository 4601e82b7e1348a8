#include "plugins/stores/redis/hash_slot.hpp"

#include <array>

namespace kiln::redis_store {
namespace {

constexpr std::uint16_t polynomial = 0x1021;

constexpr auto crc_table = [] {
  std::array<std::uint16_t, 256> table{};
  for (unsigned first = 0; first < 256; ++first) {
    unsigned rest = first << 8;
    for (int bit = 0; bit < 8; ++bit) rest = (rest << 1) ^ ((rest & 0x8000) != 0 ? polynomial : 0U);
    table[first] = static_cast<std::uint16_t>(rest);
  }
  return table;
}();

std::string_view hashed_part(std::string_view key) noexcept {
  const auto open = key.find('{');
  if (open == std::string_view::npos) return key;
  const auto close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

}  // namespace

std::uint16_t hash_slot(std::string_view key) noexcept {
  std::uint16_t crc = 0;
  for (char c : hashed_part(key))
    crc = static_cast<std::uint16_t>((crc << 8) ^
                                     crc_table[((crc >> 8) ^ static_cast<unsigned char>(c)) & 0xff]);
  return crc % hash_slots;
}

}  // namespace kiln::redis_store
