#pragma once

#include <list>
#include <unordered_map>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/contract/store.hpp"

namespace kiln::memory {

/// The blobs of a memory store: a bounded map that forgets what was used least recently, but never what is
/// pinned. Pins are counted by digest and may come before the blob. Confined to one actor.
class memory_table {
public:
  /// Charged for each blob on top of its bytes, so that many small blobs are bounded like few large ones.
  static constexpr std::uint64_t overhead = 256;

  explicit memory_table(std::uint64_t capacity) noexcept : capacity_(capacity) {}

  /// Null if absent; counts as a use. Good until the table is changed.
  const byte_chain* find(const digest& blob);
  /// RESOURCE_EXHAUSTED if it could not fit beside what is pinned. Replaces what was there under this digest.
  /// Whatever had to leave is added to `evicted`.
  expected<void> insert(const digest& blob, byte_chain content, std::vector<digest>& evicted);
  /// Pinned or not. False if it was absent.
  bool erase(const digest& blob);

  void pin(const digest& blob);
  void unpin(const digest& blob);

  /// Whether a blob of this size could ever be kept.
  bool could_hold(std::uint64_t size) const noexcept { return size + overhead <= capacity_; }
  store_figures figures() const noexcept { return {entries_.size(), used_, capacity_, evictions_}; }

private:
  using order = std::list<digest>;
  struct entry {
    byte_chain content;
    order::iterator place;  ///< in `idle_`, or in `pinned_` while it is pinned
  };

  static std::uint64_t weight_of(const byte_chain& content) noexcept { return content.size() + overhead; }
  void drop(const digest& blob);

  const std::uint64_t capacity_;
  std::uint64_t used_ = 0;
  std::uint64_t pinned_weight_ = 0;
  std::uint64_t evictions_ = 0;
  std::unordered_map<digest, entry> entries_;
  std::unordered_map<digest, std::uint64_t> pins_;
  order idle_;  ///< least recently used first
  order pinned_;
};

}  // namespace kiln::memory
