#include "core/cache/frequency_sketch.hpp"

#include <algorithm>
#include <new>

namespace kiln {
namespace {

constexpr std::uint64_t one_bit_less = 0x7777'7777'7777'7777;
constexpr unsigned rows = 4;

}  // namespace

frequency_sketch::frequency_sketch() : blocks_(8) {}

// The blocks are copied: of two keys that shared one and part now, each keeps what was counted for it.
void frequency_sketch::expect(std::size_t entries) noexcept {
  if (entries <= capacity()) return;
  try {
    std::size_t size = blocks_.size();
    while (size * words < entries) size *= 2;
    std::vector<block> larger;
    larger.reserve(size);
    while (larger.size() < size) larger.insert(larger.end(), blocks_.begin(), blocks_.end());
    blocks_ = std::move(larger);
  } catch (const std::bad_alloc&) {  // NOLINT: it guesses worse, and that is all
  }
}

std::uint64_t frequency_sketch::spread(std::uint32_t hash) noexcept {
  std::uint64_t mixed = (hash ^ 0x9e37'79b9ULL) * 0xd6e8'feb8'6659'fd93ULL;
  mixed ^= mixed >> 32;
  mixed *= 0xd6e8'feb8'6659'fd93ULL;
  return mixed ^ mixed >> 32;
}

// Each row has two words of the block. The low bits of the hash chose the block.
frequency_sketch::position frequency_sketch::position_of(std::uint64_t spread_hash, unsigned row) noexcept {
  const auto bits = static_cast<unsigned>(spread_hash >> (40 + 5 * row));
  return {2 * row + (bits & 1), (bits >> 1 & 15) * 4};
}

void frequency_sketch::count(std::uint32_t hash) noexcept {
  const std::uint64_t key = spread(hash);
  auto& counters = blocks_[block_of(key)].counters;
  for (unsigned row = 0; row < rows; ++row) {
    const auto [word, shift] = position_of(key, row);
    if ((counters[word] >> shift & most) < most) counters[word] += std::uint64_t{1} << shift;
  }
  if (++counted_ < counts_before_aged) return;
  counted_ = 0;
  age();
}

unsigned frequency_sketch::frequency(std::uint32_t hash) const noexcept {
  const std::uint64_t key = spread(hash);
  const auto& counters = blocks_[block_of(key)].counters;
  unsigned least = most;
  for (unsigned row = 0; row < rows; ++row) {
    const auto [word, shift] = position_of(key, row);
    least = std::min(least, static_cast<unsigned>(counters[word] >> shift & most));
  }
  return least;
}

void frequency_sketch::age() noexcept {
  for (auto& counters : blocks_[hand_].counters) counters = counters >> 1 & one_bit_less;
  hand_ = (hand_ + 1) & (blocks_.size() - 1);
}

}  // namespace kiln
