#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kiln {

/// How often keys were counted lately, about: a count-min sketch of 4-bit counters, four for each key, eight
/// bytes for each entry that is expected. It never says too little before counters age, and says too much
/// where keys share all four. The counters of one key lie in one cache line.
///
/// Ageing halves all counters in the course of ten counts for each entry, a cache line at a time: no count
/// waits for a sweep over the whole. Keys are known by 32 bits of hash, which nobody outside may be able to
/// choose. Confined to one actor.
class frequency_sketch {
public:
  static constexpr unsigned most = 15;  ///< that is told apart

  frequency_sketch();

  /// Grows to hold so many entries, without forgetting. If there is no memory it stays, and says too much.
  void expect(std::size_t entries) noexcept;
  void count(std::uint32_t hash) noexcept;
  unsigned frequency(std::uint32_t hash) const noexcept;

  std::size_t capacity() const noexcept { return blocks_.size() * words; }

private:
  static constexpr std::size_t words = 8;  // of 16 counters each
  static constexpr std::size_t counts_before_aged = 10 * words;
  struct alignas(64) block {
    std::array<std::uint64_t, words> counters{};
  };
  /// Where a key's counters stand in its block.
  struct position {
    std::size_t word;
    unsigned shift;
  };
  static std::uint64_t spread(std::uint32_t hash) noexcept;
  static position position_of(std::uint64_t spread_hash, unsigned row) noexcept;
  std::size_t block_of(std::uint64_t spread_hash) const noexcept {
    return spread_hash & (blocks_.size() - 1);
  }
  void age() noexcept;

  std::vector<block> blocks_;  // a power of two
  std::size_t hand_ = 0;       // the block that ages next
  std::size_t counted_ = 0;    // since the last one did
};

}  // namespace kiln
