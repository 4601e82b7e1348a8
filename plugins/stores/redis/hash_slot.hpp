#pragma once

#include <cstdint>
#include <string_view>

namespace kiln::redis_store {

/// A cluster spreads its keys over so many slots, and the slots over its nodes.
inline constexpr std::uint16_t hash_slots = 16384;

/// Of a key: CRC-16 (XMODEM) of what stands in its first pair of braces, if anything does, or of all of it.
std::uint16_t hash_slot(std::string_view key) noexcept;

}  // namespace kiln::redis_store
