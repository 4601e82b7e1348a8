#pragma once

#include <cstdint>
#include <optional>

#include "core/config/units.hpp"

namespace kiln {

/// Bytes for something whose size may be configured: as it says; and where it does not ("auto"), `usual`, but
/// at most `percent` of what the process may use, so that the defaults fit into a small machine or cgroup,
/// too.
std::uint64_t memory_share(const std::optional<capacity>& wanted, byte_size usual, std::uint8_t percent,
                           std::uint64_t limit) noexcept;

}  // namespace kiln
