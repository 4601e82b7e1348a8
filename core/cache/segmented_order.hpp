#pragma once

#include "core/cache/victim_order.hpp"

namespace kiln {

/// Least recently used, in two segments: newcomers stand in a trial segment, and what is used a second time
/// moves to the shelter, which hands its oldest back as used last. Victims come from the trial segment first,
/// so that one long scan cannot empty the cache of what is used daily. A shelter without room is plain LRU.
class segmented_order final : public victim_order {
public:
  explicit segmented_order(share_of_bounds shelter) noexcept : shelter_(shelter) {}

  void add(evictable& entry, arrival how) noexcept override;
  void use(evictable& entry) noexcept override;
  evictable* next(std::uint64_t weight, std::uint64_t entries) noexcept override;

private:
  enum : std::uint8_t { trial, shelter };
  std::uint8_t place_of_used(const evictable& entry) const noexcept;
  void bound_shelter() noexcept;

  const share_of_bounds shelter_;
};

}  // namespace kiln
