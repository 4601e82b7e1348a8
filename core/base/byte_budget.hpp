#pragma once

#include <atomic>
#include <cstdint>

namespace kiln {

/// How many bytes all of one kind together may keep in memory: who finds no room is refused, nobody waits
/// (work_budget.hpp is for those who can). Any thread.
class byte_budget {
public:
  explicit byte_budget(std::uint64_t limit) noexcept : limit_(limit) {}

  bool take(std::uint64_t bytes) noexcept {
    if (taken_.fetch_add(bytes) + bytes <= limit_) return true;
    taken_.fetch_sub(bytes);
    return false;
  }
  void give_back(std::uint64_t bytes) noexcept { taken_.fetch_sub(bytes); }
  std::uint64_t taken() const noexcept { return taken_.load(); }

private:
  const std::uint64_t limit_;
  std::atomic<std::uint64_t> taken_{0};
};

}  // namespace kiln
