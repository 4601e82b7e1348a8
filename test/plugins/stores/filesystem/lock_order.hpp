#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "plugins/stores/filesystem/shared/lock_table.hpp"

namespace kiln::test {

/// Holds the locks of a shared folder to their order: who waits for one holds none that stands behind it, nor
/// that one itself. Where all processes do so, no circle of them can wait for one another: each is behind the
/// last. Any thread may ask it.
class lock_order final : public filesystem::lock_watcher {
public:
  void taken(filesystem::lock_owner who, const filesystem::lock_name& which, lock_kind) override {
    std::lock_guard guard(mutex_);
    held_[who].push_back(which);
    ++taken_;
  }
  void awaited(filesystem::lock_owner who, const filesystem::lock_name& which) override {
    std::lock_guard guard(mutex_);
    ++waits_;
    auto found = held_.find(who);
    if (found == held_.end()) return;
    for (const auto& held : found->second)
      if (held >= which)
        breaches_.push_back(fmt::format("{} waits for lock {}/{}/{} and holds {}/{}/{}", who,
                                        static_cast<int>(which.rank), static_cast<int>(which.file),
                                        which.offset, static_cast<int>(held.rank),
                                        static_cast<int>(held.file), held.offset));
  }
  void let_go(filesystem::lock_owner who, const filesystem::lock_name& which) override {
    std::lock_guard guard(mutex_);
    auto& held = held_[who];
    auto found = std::find(held.begin(), held.end(), which);
    if (found == held.end())
      breaches_.push_back(fmt::format("{} lets go of a lock that it does not hold", who));
    else
      held.erase(found);
    if (held.empty()) held_.erase(who);
  }

  std::vector<std::string> breaches() const {
    std::lock_guard guard(mutex_);
    return breaches_;
  }
  std::uint64_t count_taken() const {
    std::lock_guard guard(mutex_);
    return taken_;
  }
  std::uint64_t count_waits() const {
    std::lock_guard guard(mutex_);
    return waits_;
  }
  std::size_t held() const {
    std::lock_guard guard(mutex_);
    return held_.size();
  }

private:
  mutable std::mutex mutex_;
  std::map<filesystem::lock_owner, std::vector<filesystem::lock_name>> held_;
  std::vector<std::string> breaches_;
  std::uint64_t taken_ = 0;
  std::uint64_t waits_ = 0;
};

}  // namespace kiln::test
