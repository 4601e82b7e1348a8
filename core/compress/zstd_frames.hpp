#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"

/// Frames of zstd that lie whole in memory: blobs are kept as many small ones, so that a part can be had
/// without what stands before it. None of these is safe for two threads at once; any thread may go on with
/// what another began.
namespace kiln {

/// Makes frames that say how large their content is, and bear its checksum.
class zstd_frame_encoder {
public:
  /// The levels are zstd_encoder's. Memory is taken with the first frame.
  explicit zstd_frame_encoder(int level);
  ~zstd_frame_encoder();
  zstd_frame_encoder(const zstd_frame_encoder&) = delete;
  zstd_frame_encoder& operator=(const zstd_frame_encoder&) = delete;

  /// One frame: of what cannot be compressed, a few bytes more than it.
  expected<bytes> encode(const byte_chain& content);

private:
  struct state;
  const std::unique_ptr<state> state_;
};

/// Takes frames apart that may have been made, or changed, by anybody.
class zstd_frame_decoder {
public:
  zstd_frame_decoder();
  ~zstd_frame_decoder();
  zstd_frame_decoder(const zstd_frame_decoder&) = delete;
  zstd_frame_decoder& operator=(const zstd_frame_decoder&) = delete;

  /// The content, `size` bytes, of what is exactly one frame. INVALID_ARGUMENT for anything else: before a
  /// byte is decoded where the frame says another size, or ends elsewhere.
  expected<bytes> decode(const byte_chain& frame, std::size_t size);

private:
  struct state;
  const std::unique_ptr<state> state_;
};

}  // namespace kiln
