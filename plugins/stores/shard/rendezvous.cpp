#include "plugins/stores/shard/rendezvous.hpp"

#include <bit>

namespace kiln::shard {
namespace {

// The digits of pi, which nobody has chosen.
constexpr std::array<std::uint64_t, 8> constants = {
    0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89,
    0x452821e638d01377, 0xbe5466cf34e90c6c, 0xc0ac29b7c97c50dd, 0x3f84d5b5b5470917};

constexpr std::size_t table_bits = 10;

// log2(1 + i / 1024) in units of 2^-32, digit by digit: squaring doubles a logarithm, and what reaches 2 has
// a one in that place. Between entries a line is as good: it is too low by less than 2^-22.
constexpr auto logarithms = [] {
  std::array<std::uint64_t, (1U << table_bits) + 1> table{};
  for (std::uint64_t i = 0; i < table.size() - 1; ++i) {
    std::uint64_t x = ((1U << table_bits) + i) << (31 - table_bits);  // in units of 2^-31
    for (int digit = 0; digit < 32; ++digit) {
      x = (x * x) >> 31;
      const bool is_two = x >= std::uint64_t{1} << 32;
      table[i] = table[i] << 1 | (is_two ? 1 : 0);
      if (is_two) x >>= 1;
    }
  }
  table.back() = std::uint64_t{1} << 32;
  return table;
}();

std::uint64_t log2_of(std::uint64_t h) noexcept {
  const auto zeros = static_cast<std::uint64_t>(std::countl_zero(h));
  const std::uint64_t behind = h << zeros << 1;  // what follows the leading one
  const std::uint64_t at = behind >> (64 - table_bits);
  const std::uint64_t part = behind >> (32 - table_bits) & 0xffffffff;
  return ((63 - zeros) << 32) + logarithms[at] + ((logarithms[at + 1] - logarithms[at]) * part >> 32);
}

// Both halves of the product: each bit of either word reaches most bits of the result.
std::uint64_t folded(std::uint64_t one, std::uint64_t other) noexcept {
  __extension__ using wide = unsigned __int128;
  const auto product = static_cast<wide>(one) * other;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Byte by byte, so that all machines read the same.
std::uint64_t word_at(const std::uint8_t* from) noexcept {
  std::uint64_t word = 0;
  for (int i = 7; i >= 0; --i) word = word << 8 | from[i];
  return word;
}

std::uint64_t drawn_from(const digest& blob) noexcept {
  auto drawn = static_cast<std::uint64_t>(blob.function);
  for (std::size_t i = 0; i < constants.size(); i += 2)
    drawn = folded(word_at(blob.hash.data() + 8 * i) ^ constants[i],
                   word_at(blob.hash.data() + 8 * i + 8) ^ constants[i + 1] ^ drawn);
  return drawn;
}

}  // namespace

std::uint64_t waiting_time(std::uint64_t h) noexcept {
  return (std::uint64_t{64} << 32) - log2_of(h == 0 ? 1 : h);
}

rendezvous::rendezvous(const std::vector<part>& parts) {
  for (const auto& one : parts) {
    auto& fresh = contenders_.emplace_back(contender{one.name, one.weight, {}});
    const auto name = digest_of(std::string("kiln shard\0", 11) + one.name);
    for (std::size_t i = 0; i < fresh.keys.size(); ++i) fresh.keys[i] = word_at(name.hash.data() + 8 * i);
  }
}

// Times are compared as fractions, so nothing is rounded; they and weights fill 58 bits. Of two that waited
// for equally long, the first by name.
std::size_t rendezvous::home_of(const digest& blob) const noexcept {
  const std::uint64_t drawn = drawn_from(blob);
  std::size_t home = 0;
  std::uint64_t shortest = 0;
  for (std::size_t i = 0; i < contenders_.size(); ++i) {
    const auto& one = contenders_[i];
    const auto mixed = folded(folded(drawn ^ one.keys[0], one.keys[1] | 1) ^ one.keys[2], one.keys[3] | 1);
    const auto waited = waiting_time(mixed);
    const auto& best = contenders_[home];
    const auto mine = waited * best.weight, its = shortest * one.weight;
    if (i > 0 && (mine > its || (mine == its && one.name > best.name))) continue;
    home = i;
    shortest = waited;
  }
  return home;
}

}  // namespace kiln::shard
