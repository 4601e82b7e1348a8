#pragma once

#include "core/cache/frequency_sketch.hpp"
#include "core/cache/victim_order.hpp"

namespace kiln {

/// Windowed TinyLFU that admits always. Newcomers stand in a window, and what is used again is protected, as
/// in segmented_order; between them, on probation, is what has left either. Once newcomers hold more than the
/// window, its oldest is compared with the oldest on probation: who was used less often lately leaves, the
/// elder if it was as often. So what was written leaves the window only for what was used more often, and
/// what was used often in an earlier life is known again.
class tinylfu_order final : public victim_order {
public:
  explicit tinylfu_order(const eviction_limits& limits) noexcept;

  void expect(std::size_t entries) noexcept override { sketch_.expect(entries); }
  void add(evictable& entry, arrival how) noexcept override;
  void use(evictable& entry) noexcept override;
  evictable* next(std::uint64_t weight, std::uint64_t entries) noexcept override;

private:
  enum : std::uint8_t { probation, window, protection };
  // Of what the window leaves.
  static constexpr std::uint64_t protected_percent = 80;

  std::uint8_t place_of_used(const evictable& entry) const noexcept;
  void bound_window() noexcept;
  void bound_protection() noexcept;

  const share_of_bounds window_;
  const share_of_bounds settled_;  // probation and protection
  const share_of_bounds protection_;
  frequency_sketch sketch_;
};

}  // namespace kiln
