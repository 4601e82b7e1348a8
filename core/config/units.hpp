#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"

namespace kiln {

/// An amount of bytes, as written in a configuration.
struct byte_size {
  std::uint64_t bytes = 0;
  auto operator<=>(const byte_size&) const noexcept = default;
};

/// How much room something may take: so many bytes, or a percentage of something that its owner knows (a
/// disk, the machine's memory).
class capacity {
public:
  constexpr capacity() noexcept = default;
  constexpr capacity(byte_size absolute) noexcept
      : amount_(absolute.bytes) {}  // NOLINT: a size is a capacity
  /// `percent` is 1 to 100.
  static constexpr capacity of_percent(std::uint8_t percent) noexcept {
    capacity result;
    result.amount_ = percent;
    result.relative_ = true;
    return result;
  }

  constexpr bool is_relative() const noexcept { return relative_; }
  /// Bytes, where the whole is this many; rounded down, and exact for every uint64.
  std::uint64_t bytes_of(std::uint64_t whole) const noexcept;
  std::string to_string() const;
  bool operator==(const capacity&) const noexcept = default;

private:
  std::uint64_t amount_ = 0;
  bool relative_ = false;
};

/// "512B", "10GiB", "1GB": whole numbers with a unit out of B, KB MB GB TB PB (powers of 1000) and KiB MiB
/// GiB TiB PiB (powers of 1024). INVALID_ARGUMENT for a fraction, a missing unit, or more than 2^64 - 1
/// bytes.
expected<byte_size> parse_byte_size(std::string_view text);
/// The same, or "1%" to "100%".
expected<capacity> parse_capacity(std::string_view text);
/// "500ms", "30s", "5m", "2h", "1d", also us and ns; never negative, at most some 292 years.
expected<duration> parse_duration(std::string_view text);

/// Written so that parsing gives the same value back, in the unit that makes it shortest.
std::string to_string(byte_size size);
std::string to_string(duration time);

/// Constants for the defaults of options: 4_GiB, 80_percent; times are std::chrono's.
inline namespace config_literals {
constexpr byte_size operator""_B(unsigned long long n) noexcept {
  return {n};
}
constexpr byte_size operator""_KiB(unsigned long long n) noexcept {
  return {n << 10};
}
constexpr byte_size operator""_MiB(unsigned long long n) noexcept {
  return {n << 20};
}
constexpr byte_size operator""_GiB(unsigned long long n) noexcept {
  return {n << 30};
}
constexpr capacity operator""_percent(unsigned long long n) noexcept {
  return capacity::of_percent(static_cast<std::uint8_t>(n));
}
}  // namespace config_literals

}  // namespace kiln
