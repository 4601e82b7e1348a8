#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/clock.hpp"

namespace kiln {

struct throttle_limits {
  std::uint64_t per_interval = 1;
  duration interval = std::chrono::seconds(10);
  std::size_t keys = 1024;  ///< keys remembered at once; when all are busy, newcomers share one allowance
};

/// Keeps a repeated warning from filling the log: each key may speak so often an interval. Confined to one
/// actor or thread.
///
///     if (auto silenced = throttle.admit(peer)) log.warn("bad token", {{"peer", peer}, {"silenced",
///     *silenced}});
class log_throttle {
public:
  explicit log_throttle(const clock& time, throttle_limits limits = {}) : time_(time), limits_(limits) {}

  /// How often this key was silenced since it last spoke, or nothing when it must be silent now.
  std::optional<std::uint64_t> admit(std::string_view key);

private:
  struct window {
    steady_time start;
    std::uint64_t spoken = 0;
    std::uint64_t silenced = 0;
  };

  window& window_of(std::string_view key, steady_time now);

  const clock& time_;
  throttle_limits limits_;
  std::unordered_map<std::string, window> windows_;
  window shared_;
  steady_time swept_{};
};

}  // namespace kiln
