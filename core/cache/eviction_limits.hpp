#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "core/base/clock.hpp"

namespace kiln {

/// Who leaves when room is wanted. Whichever it is, every newcomer is admitted (docs/decisions/0007, 0054).
enum class eviction_policy : std::uint8_t {
  lru,        ///< what was used longest ago
  segmented,  ///< the same, but what was used again is sheltered from what was not
  tinylfu,    ///< of two candidates the one that was used less often lately
};

/// Of pins alone: how much leases hold is bounded by who grants them.
struct pin_limits {
  std::uint64_t percent = 25;                  ///< of both bounds of the cache that pins may hold
  std::size_t most = 1 << 20;                  ///< at one time, whatever they hold
  duration timeout = std::chrono::minutes(2);  ///< a pin that nobody takes back ends by itself
};

struct eviction_limits {
  static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

  std::uint64_t max_weight = unlimited;  ///< usually bytes
  std::uint64_t max_entries = unlimited;
  duration max_idle = duration::zero();  ///< unused for so long is gone; zero is never
  eviction_policy policy = eviction_policy::tinylfu;
  std::uint64_t shelter_percent = 50;  ///< of `segmented`: how much of the bounds the shelter may hold
  std::uint64_t window_percent = 35;   ///< of `tinylfu`: how much newcomers may hold before they are compared
  pin_limits pins = {};
};

}  // namespace kiln
