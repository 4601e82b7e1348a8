#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>
#include <vector>

namespace kiln::bench {

/// The same numbers for the same seed, whatever the standard library.
class chance {
public:
  explicit chance(std::uint64_t seed) : bits_(seed) {}

  double part() { return static_cast<double>(bits_() >> 11) * 0x1.0p-53; }
  bool happens(double probability) { return part() < probability; }
  std::uint32_t below(std::size_t bound) {
    return static_cast<std::uint32_t>(part() * static_cast<double>(bound));
  }
  /// A size in bytes: log-normal, with this median and this deviation of its logarithm.
  std::uint32_t size(double median, double deviation, double most = 64 << 20) {
    const double normal = std::sqrt(-2 * std::log(1 - part())) * std::cos(2 * std::numbers::pi * part());
    return static_cast<std::uint32_t>(std::clamp(median * std::exp(deviation * normal), 64.0, most));
  }

private:
  std::mt19937_64 bits_;
};

/// Ranks from 0, the first the most frequent.
class zipf {
public:
  zipf(std::size_t ranks, double exponent) {
    double sum = 0;
    for (std::size_t i = 0; i < ranks; ++i)
      up_to_.push_back(sum += 1 / std::pow(static_cast<double>(i + 1), exponent));
  }
  std::uint32_t operator()(chance& by) const {
    const auto found = std::upper_bound(up_to_.begin(), up_to_.end(), by.part() * up_to_.back());
    return static_cast<std::uint32_t>(
        std::min<std::size_t>(static_cast<std::size_t>(found - up_to_.begin()), up_to_.size() - 1));
  }

private:
  std::vector<double> up_to_;
};

}  // namespace kiln::bench
