#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/digest/digest.hpp"

namespace kiln::completeness_checking {

/// Keeps what was written from being dropped for what was there before: a result that was found incomplete
/// is dropped only if nothing was written under its name since it was read, and nobody writes there until it
/// is gone. Names whose hashes are alike stand for one another, which costs a drop now and then, or a short
/// wait, and no memory for each name. Confined to the store's actor.
class drop_guard {
public:
  using epoch = std::uint32_t;

  epoch epoch_of(const digest& key) const noexcept { return at(key).writes; }

  // Writes.

  /// Whether something there is being dropped: then the write waits, and `again` is for when it may begin.
  bool holds_back(const digest& key, std::function<void()> again) {
    auto found = drops_.find(place_of(key));
    if (found == drops_.end()) return false;
    found->second.waiting.push_back(std::move(again));
    return true;
  }
  void begin_write(const digest& key) noexcept {
    auto& mine = at(key);
    ++mine.writes;
    ++mine.open;
  }
  void end_write(const digest& key) noexcept {
    auto& mine = at(key);
    ++mine.writes;
    --mine.open;
  }

  // Drops.

  /// Whether what was read in that epoch may be dropped: then `end_drop` follows.
  bool begin_drop(const digest& key, epoch read_in) {
    const auto& mine = at(key);
    if (mine.open > 0 || mine.writes != read_in) return false;
    ++drops_[place_of(key)].open;
    return true;
  }
  void end_drop(const digest& key) {
    auto found = drops_.find(place_of(key));
    if (found == drops_.end() || --found->second.open > 0) return;
    auto waiting = std::move(found->second.waiting);
    drops_.erase(found);
    for (const auto& again : waiting) again();
  }

private:
  static constexpr std::size_t places = 1024;
  struct place {
    epoch writes = 0;
    std::uint32_t open = 0;
  };
  struct drop {
    std::uint32_t open = 0;
    std::vector<std::function<void()>> waiting;
  };

  static std::size_t place_of(const digest& key) noexcept { return std::hash<digest>()(key) % places; }
  place& at(const digest& key) noexcept { return all_[place_of(key)]; }
  const place& at(const digest& key) const noexcept { return all_[place_of(key)]; }

  std::array<place, places> all_{};
  std::unordered_map<std::size_t, drop> drops_;
};

}  // namespace kiln::completeness_checking
