#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/digest/digest.hpp"

namespace kiln::filesystem {

/// How small blobs lie together in a pack, `packs/<number>.pack`: records one behind the other, each a header
/// of 80 bytes, the payload, and zeros up to the next multiple of 8. Numbers are little-endian. A pack that
/// is full has beside it `<number>.index`, the headers alone with their places, so that a start need not read
/// it.
enum class record_kind : std::uint8_t {
  blob = 1,
  erasure = 2,  ///< no payload: records of this digest up to this sequence number count no more
};

struct record {
  digest blob;
  std::uint64_t sequence = 0;  ///< of records with one digest the highest counts
  std::uint64_t check = 0;     ///< of the payload, where the digest says nothing about it
  std::uint32_t length = 0;    ///< of the payload
  record_kind kind = record_kind::blob;
  std::uint64_t offset = 0;  ///< of the payload in its pack
};

inline constexpr std::size_t record_header_size = 80;

/// What a record of so many payload bytes takes.
constexpr std::uint64_t record_size(std::uint64_t length) noexcept {
  return (record_header_size + length + 7) / 8 * 8;
}

using record_header = std::array<char, record_header_size>;
record_header encode_header(const record& what) noexcept;
/// `offset` is where the header lies. Nothing for anything that is no header.
std::optional<record> decode_header(std::string_view header, std::uint64_t offset) noexcept;

/// The index of a pack of `pack_size` bytes.
std::string encode_index(std::span<const record> records, std::uint64_t pack_size);
/// Nothing unless it is whole, and of a pack of this size.
std::optional<std::vector<record>> decode_index(std::string_view text, std::uint64_t pack_size);

/// Sixty-four bits of a hash: finds accidents.
std::uint64_t checksum(std::string_view content);

}  // namespace kiln::filesystem
