#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/digest/digest.hpp"

namespace kiln {

/// How large the blobs are whose hashes were heard of lately: for those who know only a hash. Bounded; what
/// was not asked for in a while is forgotten first. One thread.
class size_index {
public:
  explicit size_index(std::size_t entries = 1 << 16) : most_(entries) {}

  /// `hash` is a digest of size 0.
  std::optional<std::uint64_t> find(const digest& hash);
  /// False if it was known.
  bool note(const digest& blob);

private:
  using table = std::unordered_map<digest, std::int64_t>;
  void keep(const digest& hash, std::int64_t size);

  const std::size_t most_;
  table young_;
  table old_;
};

/// The same digest without its size.
digest hash_alone(digest blob) noexcept;

}  // namespace kiln
