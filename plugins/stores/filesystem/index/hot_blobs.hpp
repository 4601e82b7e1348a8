#pragma once

#include <cstdint>
#include <vector>

#include "core/base/bytes.hpp"
#include "plugins/stores/filesystem/index/blob_entry.hpp"

namespace kiln::filesystem {

/// The bytes of small blobs that were read lately, within a bound. What was written is not among them: most
/// of it is never asked for, and the page cache has it. Evicted by CLOCK: a use sets a bit, which the hand
/// reads and clears.
class hot_blobs {
public:
  /// What one takes beside its bytes: its place, and what the allocator and the count of references add.
  static constexpr std::uint64_t overhead = 96;

  hot_blobs(entry_slab& entries, std::uint64_t memory) : entries_(entries), memory_(memory) {}

  /// `content` and its overhead fit into the memory. It is no slice of something larger, which it would keep.
  void put(blob_entry& which, bytes content);
  void drop(blob_entry& which);
  /// Empty if it is not hot.
  const bytes& read(const blob_entry& which) noexcept;
  void mark(const blob_entry& which) noexcept { places_[which.hot].used = true; }
  /// Of all, with what they take beside their bytes.
  std::uint64_t weight() const noexcept { return weight_; }

private:
  struct place {
    bytes content;
    entry_id owner = 0;
    bool used = false;
  };
  void drop_one();

  entry_slab& entries_;
  const std::uint64_t memory_;
  std::vector<place> places_{1};  // the first is nobody's
  std::vector<std::uint32_t> free_;
  std::size_t hand_ = 0;
  std::uint64_t weight_ = 0;
};

}  // namespace kiln::filesystem
