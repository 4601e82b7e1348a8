#include "core/cache/segmented_order.hpp"

namespace kiln {

// What is too heavy for the shelter stays outside, or it would drive everything else out.
std::uint8_t segmented_order::place_of_used(const evictable& entry) const noexcept {
  return shelter_.fits(entry.weight, 1) ? shelter : trial;
}

void segmented_order::bound_shelter() noexcept {
  while (!shelter_.fits(line(shelter))) move(*line(shelter).front(), trial);
}

void segmented_order::add(evictable& entry, arrival how) noexcept {
  if (how != arrival::again) return put(entry, trial);
  put(entry, place_of_used(entry));
  bound_shelter();
}

void segmented_order::use(evictable& entry) noexcept {
  move(entry, place_of_used(entry));
  bound_shelter();
}

evictable* segmented_order::next(std::uint64_t /*weight*/, std::uint64_t /*entries*/) noexcept {
  evictable* first = line(trial).front();
  return first ? first : line(shelter).front();
}

}  // namespace kiln
