#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/digest/digest.hpp"

namespace kiln {

/// Digests, each once, numbered from 0 in the order in which they came. A million of them take some 100 MB,
/// half of what a set and a list of the same would. One thread.
class digest_table {
public:
  using number = std::uint32_t;

  struct place {
    number at = 0;
    bool is_new = false;
  };
  place add(const digest& one);
  std::optional<number> find(const digest& one) const noexcept;

  std::size_t size() const noexcept { return digests_.size(); }
  bool empty() const noexcept { return digests_.empty(); }
  const digest& operator[](number at) const noexcept { return digests_[at]; }
  const std::vector<digest>& all() const noexcept { return digests_; }
  /// Bytes that it takes.
  std::uint64_t memory() const noexcept;

  /// All of them, and nothing is left here.
  std::vector<digest> take();

private:
  // A part of a digest's hash, and its number: most digests that differ need not be looked at.
  struct slot {
    std::uint32_t hash = 0;
    number at = vacant;
  };
  static constexpr number vacant = UINT32_MAX;

  // The slot that has it, or the one for it. There are some.
  std::size_t slot_of(const digest& one, std::uint32_t hash) const noexcept;
  void grow();

  std::vector<digest> digests_;
  std::vector<slot> slots_;  // a power of two, at most three quarters of them taken
};

}  // namespace kiln
