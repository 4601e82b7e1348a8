#pragma once

#include <compare>
#include <cstdint>
#include <functional>

#include "core/digest/digest.hpp"

namespace kiln::filesystem {

/// What a lock is about. Whoever waits for a lock may hold others only if they stand before it, by this and
/// then by file and offset: so no two of them ever wait for one another, in whatever processes.
enum class lock_rank : std::uint8_t {
  construction,  ///< exclusive: somebody brings the bytes of this blob
  eviction,      ///< exclusive: somebody makes room, and nobody else does
  presence,      ///< shared: the blob has to stay; exclusive: it is being evicted
};

/// A lock of a shared folder: one byte of one of its lock files. Two blobs may meet in one, which only makes
/// one wait for the other.
struct lock_name {
  lock_rank rank = lock_rank::eviction;
  std::uint8_t file = 0;
  std::uint64_t offset = 0;

  auto operator<=>(const lock_name&) const noexcept = default;
};

lock_name construction_of(const digest& blob) noexcept;
lock_name presence_of(const digest& blob) noexcept;
constexpr lock_name eviction_lease() noexcept {
  return {};
}

/// The same number in every process, spread evenly: what is kept for each of many places goes by it.
std::uint64_t spread_of(const digest& blob) noexcept;

}  // namespace kiln::filesystem

template <>
struct std::hash<kiln::filesystem::lock_name> {
  std::size_t operator()(const kiln::filesystem::lock_name& which) const noexcept {
    return static_cast<std::size_t>(which.offset) * 0x9e3779b97f4a7c15 + static_cast<std::size_t>(which.rank);
  }
};
