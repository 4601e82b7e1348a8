#pragma once

#include <array>
#include <cstdint>

#include "plugins/stores/filesystem/index/blob_entry.hpp"

namespace kiln::filesystem {

/// When what may leave was used last, to within a generation. One ends as soon as blobs of a certain weight
/// were used in it, so that generations divide the order of use evenly, whatever time they took. Of the
/// oldest only the sum is known.
class generations {
public:
  static constexpr std::uint32_t kept = 64;  ///< are told apart
  static constexpr std::uint32_t first = kept;

  /// Each of `step` bytes; the current one is `now`.
  generations(std::uint64_t step, std::uint32_t now) noexcept;

  std::uint32_t now() const noexcept { return now_; }
  std::uint32_t oldest() const noexcept { return oldest_; }
  /// The one that this counts to.
  std::uint32_t known(std::uint32_t used) const noexcept;
  /// What was last used so many hours before the start.
  std::uint32_t before(std::uint64_t hours_ago) const noexcept;

  void add(std::uint32_t used, std::uint64_t weight) noexcept { at(used).weight += weight; }
  void remove(std::uint32_t used, std::uint64_t weight) noexcept { at(used).weight -= weight; }
  /// The files in it, used last at the back.
  entry_line& files(std::uint32_t used) noexcept { return at(used).files; }

  /// Begins another one if enough was used in this one. True if it did.
  bool advance(entry_slab& entries) noexcept;

  /// All that may leave.
  std::uint64_t weight() const noexcept;
  /// The oldest one with which all later ones weigh so much at most: from it on is what was used last. One
  /// after the current one if that alone weighs more.
  std::uint32_t since(std::uint64_t weight) const noexcept;

private:
  struct generation {
    std::uint64_t weight = 0;
    entry_line files;
  };

  generation& at(std::uint32_t used) noexcept { return all_[known(used) % kept]; }

  const std::uint64_t step_;
  std::uint32_t now_;
  const std::uint32_t start_;
  std::uint32_t oldest_;
  std::array<generation, kept> all_{};
};

}  // namespace kiln::filesystem
