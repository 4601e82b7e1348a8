#include "plugins/stores/filesystem/index/generations.hpp"

#include <algorithm>
#include <bit>

namespace kiln::filesystem {

generations::generations(std::uint64_t step, std::uint32_t now) noexcept
    : step_(std::max<std::uint64_t>(step, 1)),
      now_(std::max(now, first)),
      start_(now_),
      oldest_(now_ - kept + 1) {}

std::uint32_t generations::known(std::uint32_t used) const noexcept {
  return std::clamp(used, oldest_, now_);
}

// To the hour for most of a day, then to a quarter of the time gone.
std::uint32_t generations::before(std::uint64_t hours_ago) const noexcept {
  constexpr std::uint64_t hourly = 16;
  std::uint64_t back = hours_ago;
  if (hours_ago >= hourly) {
    const auto digits = static_cast<unsigned>(std::bit_width(hours_ago));
    back = hourly + 4 * (digits - 5) + (hours_ago >> (digits - 3) & 3);
  }
  return start_ - 1 - static_cast<std::uint32_t>(std::min<std::uint64_t>(back, kept - 2));
}

bool generations::advance(entry_slab& entries) noexcept {
  if (at(now_).weight < step_) return false;
  if (now_ - oldest_ == kept - 1) {
    generation& last = all_[oldest_ % kept];
    generation& next = all_[(oldest_ + 1) % kept];
    next.weight += last.weight;
    entries.prepend(next.files, last.files);
    last = {};
    ++oldest_;
  }
  ++now_;
  return true;
}

std::uint64_t generations::weight() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& one : all_) sum += one.weight;
  return sum;
}

std::uint32_t generations::since(std::uint64_t weight) const noexcept {
  std::uint64_t sum = 0;
  for (std::uint32_t one = now_;; --one) {
    sum += all_[one % kept].weight;
    if (sum > weight) return one + 1;
    if (one == oldest_) return one;
  }
}

}  // namespace kiln::filesystem
