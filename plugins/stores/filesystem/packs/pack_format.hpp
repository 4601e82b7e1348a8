#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/bytes.hpp"
#include "core/digest/digest.hpp"

namespace kiln::filesystem {

/// How small blobs lie together in a pack, `packs/<number>.pack`: a head of 64 bytes, then records one behind
/// the other, each a header, the payload, and zeros up to the next multiple of 8. A header has 48 bytes and
/// the hash. Numbers are little-endian. A pack that is full has beside it `<number>.index`, so that a start
/// need not read it.
///
/// Every header is sealed with a key that no client knows. So whatever stands in a payload, which a client
/// may choose, it is no record: where a record is damaged, the next one that proves itself can be looked for.
///
/// The format before this one had no head, no seal, and 80 bytes of header with room for 32 of hash. Its
/// packs are still read.
enum class record_kind : std::uint8_t {
  blob = 1,
  tombstone = 2,  ///< no payload: records of this digest up to this sequence number count no more
};

struct record {
  digest blob;
  std::uint64_t sequence = 0;  ///< of records with one digest the highest counts
  std::uint64_t check = 0;     ///< of the payload, where the digest says nothing about it
  std::uint32_t length = 0;    ///< of the payload
  record_kind kind = record_kind::blob;
  std::uint64_t offset = 0;  ///< of the payload in its pack
};

inline constexpr std::size_t bare_header_size = 48;
inline constexpr std::size_t largest_header_size = bare_header_size + digest::max_hash_size;
/// Headers, and so records, begin at multiples of this.
inline constexpr std::uint64_t record_alignment = 8;
/// No payload is as large: a header that says so is none.
inline constexpr std::uint64_t largest_payload = 64 << 20;
/// No pack has a record behind this: it is full with 64 MiB, and with one record more. A file may be
/// lengthened to any size by whoever copies or mends it, and costs nothing then but the time of who reads it.
inline constexpr std::uint64_t largest_pack = 2 * largest_payload;

std::size_t header_size(digest_function function) noexcept;
/// What a record of so many payload bytes takes.
std::uint64_t record_size(digest_function function, std::uint64_t length) noexcept;
/// The same under a hash of 32 bytes, which nearly all have.
constexpr std::uint64_t record_size(std::uint64_t length) noexcept {
  return (bare_header_size + 32 + length + record_alignment - 1) / record_alignment * record_alignment;
}
/// Where the next record begins.
constexpr std::uint64_t end_of(const record& what) noexcept {
  return (what.offset + what.length + record_alignment - 1) / record_alignment * record_alignment;
}

/// What a pack begins with. `key` is the store's, kept here for when the store has lost it.
struct pack_head {
  std::uint64_t number = 0;
  std::uint64_t key = 0;
};
inline constexpr std::size_t pack_head_size = 64;
std::array<char, pack_head_size> encode_head(const pack_head& what) noexcept;
std::optional<pack_head> decode_head(std::string_view text) noexcept;

/// With what the headers of this pack are sealed: those of another pack are none of its records.
std::uint64_t seal_of(const pack_head& what) noexcept;

/// A header as it is written; of it the first `size` bytes.
struct record_header {
  std::array<char, largest_header_size> text{};
  std::size_t size = 0;
  std::string_view view() const noexcept { return {text.data(), size}; }
};
/// `settled`: bytes of the pack, from its beginning, whose records had all been acknowledged, or could have
/// been, when this one was written. Whatever is damaged in them was whole once.
record_header encode_header(const record& what, std::uint64_t seal, std::uint32_t settled = 0) noexcept;
struct sealed_record {
  record what;
  std::uint32_t settled = 0;  ///< 0 of releases that did not write it
};
/// `offset` is where the header lies. Nothing for anything that is no header with this seal.
std::optional<sealed_record> decode_header(std::string_view text, std::uint64_t offset,
                                           std::uint64_t seal) noexcept;
/// Whether a header could begin here.
bool may_be_header(const char* text) noexcept;

/// A header of the format before. Of a longer hash it has 32 bytes only: `cut`.
struct old_record {
  record what;
  bool cut = false;
};
inline constexpr std::size_t old_header_size = 80;
std::optional<old_record> decode_old_header(std::string_view text, std::uint64_t offset) noexcept;
bool may_be_old_header(const char* text) noexcept;

/// Sixty-four bits of a hash: finds accidents. With a `secret`, nobody who does not know that can choose it.
std::uint64_t checksum(std::string_view content, std::uint64_t secret = 0);

}  // namespace kiln::filesystem
