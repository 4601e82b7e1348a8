#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/digest/digest.hpp"

/// How a compressed blob lies: cut into frames of zstd of 1 MiB of it, several of which are a segment, and
/// each segment is a blob of its own in the inner store, under its own digest. It begins with a table of how
/// large its frames are, in a frame that zstd skips, so `zstd -d` of the segments in a row is the blob. Most
/// blobs have one segment.
///
/// Or it is one segment without a table: the frames that a client sent, kept without compressing them again,
/// until somebody wants a part.
namespace kiln::compressing {

inline constexpr std::uint64_t frame_size = 1 << 20;

struct segment {
  digest name;
  std::uint64_t plain = 0;  ///< bytes of the blob; of all but the last a multiple of frame_size

  bool operator==(const segment&) const noexcept = default;
};
struct packed_form {
  std::vector<segment> segments;
  bool as_sent = false;

  bool operator==(const packed_form&) const noexcept = default;
};

struct frame {
  std::uint32_t packed = 0;  ///< bytes, as they lie
  std::uint32_t plain = 0;
};

std::size_t frames_of(std::uint64_t plain) noexcept;
std::size_t table_size(std::uint64_t plain) noexcept;
bytes write_table(std::span<const frame> frames);
/// DATA_LOSS unless it is one, and its frames with it are as long as the segment.
expected<std::vector<frame>> read_table(const bytes& table, const segment& of);

/// In which form a blob lies, for the index: under which name, and what.
digest form_key(const digest& blob);
bytes write_form(const packed_form& form);
/// DATA_LOSS unless it is a whole record whose segments are as long as the blob.
expected<packed_form> read_form(const bytes& record, const digest& blob);
/// Of the claim that this form is this blob.
digest claim_of(const digest& blob, const packed_form& form);

std::vector<digest> names_in(const packed_form& form);

}  // namespace kiln::compressing
