#include "plugins/stores/filesystem/shared/lock_name.hpp"

#include <cstring>

namespace kiln::filesystem {
namespace {

// Twice this, and one, is an offset that a file may have.
constexpr std::uint64_t hash_bits = (std::uint64_t{1} << 61) - 1;

lock_name lock_of(const digest& blob, lock_rank rank, std::uint64_t byte) noexcept {
  const std::uint64_t hash = spread_of(blob) & hash_bits;
  return {rank, static_cast<std::uint8_t>(hash), hash * 2 + byte};
}

}  // namespace

// The hash of a blob is as good as chance; the same bytes under another function are another blob.
std::uint64_t spread_of(const digest& blob) noexcept {
  std::uint64_t hash = 0;
  std::memcpy(&hash, blob.hash.data(), sizeof hash);
  return hash ^ (static_cast<std::uint64_t>(blob.function) * 0x9e3779b97f4a7c15) ^
         (static_cast<std::uint64_t>(blob.size) * 0xc2b2ae3d27d4eb4f);
}

lock_name presence_of(const digest& blob) noexcept {
  return lock_of(blob, lock_rank::presence, 0);
}

lock_name construction_of(const digest& blob) noexcept {
  return lock_of(blob, lock_rank::construction, 1);
}

}  // namespace kiln::filesystem
