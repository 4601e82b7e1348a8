#pragma once

#include <google/protobuf/descriptor.h>

#include <cstdint>

#include "core/base/bytes.hpp"

namespace kiln {

/// What is smaller may be anything: with some tens of times its size it is still not much.
inline constexpr std::size_t weighed_above = 64 << 10;

/// About how many bytes of memory an object of this type takes that is parsed from these bytes: an empty
/// message in a message, or an empty string, is two bytes long and becomes an object of some 80. It is not
/// counted beyond `most`. What is broken is counted as far as it can be read; a group, which no message of
/// ours has, is `most` and one more. Any thread.
std::uint64_t parsed_weight(const google::protobuf::Descriptor& type, const byte_chain& from,
                            std::uint64_t most);

/// The most that a message of this size is allowed to take. The longest of real ones, a Directory of files
/// with short names and all their properties under SHA-1, is counted as seven times its size.
constexpr std::uint64_t most_parsed_weight(std::size_t size) noexcept {
  return 8 * std::uint64_t{size} + (4U << 20);
}

}  // namespace kiln
