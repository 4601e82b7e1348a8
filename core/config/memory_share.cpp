#include "core/config/memory_share.hpp"

#include <algorithm>

namespace kiln {

std::uint64_t memory_share(const std::optional<capacity>& wanted, byte_size usual, std::uint8_t percent,
                           std::uint64_t limit) noexcept {
  if (wanted) return wanted->bytes_of(limit);
  return std::min(usual.bytes, capacity::of_percent(percent).bytes_of(limit));
}

}  // namespace kiln
