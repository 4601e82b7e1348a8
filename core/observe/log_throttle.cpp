#include "core/observe/log_throttle.hpp"

#include <utility>

namespace kiln {

std::optional<std::uint64_t> log_throttle::admit(std::string_view key) {
  const auto now = time_.now();
  window& mine = window_of(key, now);
  if (now - mine.start >= limits_.interval) {
    mine.start = now;
    mine.spoken = 0;
  }
  if (mine.spoken >= limits_.per_interval) {
    ++mine.silenced;
    return std::nullopt;
  }
  ++mine.spoken;
  return std::exchange(mine.silenced, 0);
}

log_throttle::window& log_throttle::window_of(std::string_view key, steady_time now) {
  std::string name(key);
  if (auto found = windows_.find(name); found != windows_.end()) return found->second;
  // At most one sweep an interval: a flood of new keys must not cost a walk each.
  if (windows_.size() >= limits_.keys && now - swept_ >= limits_.interval) {
    swept_ = now;
    std::erase_if(windows_, [&](const auto& entry) { return now - entry.second.start >= limits_.interval; });
  }
  if (windows_.size() >= limits_.keys) return shared_;
  return windows_.emplace(std::move(name), window{now}).first->second;
}

}  // namespace kiln
