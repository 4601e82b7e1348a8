#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"

/// Zstandard (RFC 8878), of which we trust only what we made ourselves. None of these is safe for two threads
/// at once; any thread may go on with what another began.
namespace kiln {

/// What was compressed by somebody else, piece by piece. Never produces more than the announced size: this is
/// checked before decoding, as is the window, which is nearly all of the memory (`memory`). Several frames in
/// a row are fine when they add up; what is no frame of data is not, and frames that applications may skip
/// are refused: a reader that does not know them would see other bytes.
///
/// Errors are INVALID_ARGUMENT. After one, the decoder is of no use.
class zstd_decoder {
public:
  /// `size` bytes are to come, from frames with windows up to 2^`window_log` (10 to 27).
  zstd_decoder(std::uint64_t size, unsigned window_log);
  ~zstd_decoder();
  zstd_decoder(zstd_decoder&&) noexcept;
  zstd_decoder& operator=(zstd_decoder&&) noexcept;

  /// Takes what it can off the front of `from`, and writes at most `room` bytes. Returns how many. Less than
  /// `room` means that `from` was used up; otherwise there may be more to write, even if `from` is empty.
  expected<std::size_t> decode(std::string_view& from, char* into, std::size_t room);
  /// Whether all that came was whole frames, and all bytes came.
  expected<void> end() const;

  /// Bytes that have still to come.
  std::uint64_t remaining() const noexcept;
  /// Bytes of memory held at present.
  std::size_t memory() const noexcept;

private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Compresses what comes piece by piece into one frame, which says how large its content is.
class zstd_encoder {
public:
  /// `size` bytes are to come. The levels are zstd's, of which 1 to `highest_level` are fast enough to
  /// compress while somebody waits, and hold at most 9 MiB.
  static constexpr int highest_level = 8;
  zstd_encoder(std::uint64_t size, int level);
  ~zstd_encoder();
  zstd_encoder(zstd_encoder&&) noexcept;
  zstd_encoder& operator=(zstd_encoder&&) noexcept;

  /// Takes what it can off the front of `from`, and writes at most `room` bytes. Returns how many. `last`:
  /// nothing comes behind `from`. Unless `done`, it is to be called again: with more, if `from` is empty and
  /// was not the last. INTERNAL if another number of bytes came than announced.
  expected<std::size_t> encode(std::string_view& from, bool last, char* into, std::size_t room);
  /// The frame is complete.
  bool done() const noexcept;
  /// Bytes of memory held at present.
  std::size_t memory() const noexcept;

private:
  struct state;
  std::unique_ptr<state> state_;
};

/// All of it at once, for what is small. Exactly `size` bytes, or INVALID_ARGUMENT.
expected<bytes> zstd_decode(std::string_view from, std::uint64_t size, unsigned window_log);
/// One frame of at most `limit` bytes; RESOURCE_EXHAUSTED, found out early, if it takes more.
expected<bytes> zstd_encode(std::string_view from, int level, std::size_t limit);

}  // namespace kiln
