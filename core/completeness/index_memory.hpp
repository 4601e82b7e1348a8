#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/memory_limit.hpp"
#include "core/config/units.hpp"

namespace kiln {

/// What an index may take of the memory that this process has, whatever was configured for a larger machine.
inline std::uint64_t index_memory(byte_size wanted) {
  constexpr std::uint8_t most = 1;
  return std::min(wanted.bytes, capacity::of_percent(most).bytes_of(memory_limit()));
}

}  // namespace kiln
