#pragma once

#include "core/compress/zstd_frames.hpp"
#include "plugins/stores/compression/packing.hpp"

namespace kiln::compressing {

/// Makes segments out of what it is given frame by frame. One thread at a time.
class segment_builder {
public:
  segment_builder(digest_function function, int level) : function_(function), encoder_(level) {}

  /// At most a frame's worth; only the last of a blob is less.
  expected<bytes> encode(const byte_chain& content) { return encoder_.encode(content); }
  void add(bytes packed, std::uint64_t plain);
  /// What was added since the last.
  packed_segment finish();

  std::uint64_t packed() const noexcept { return content_.size(); }

private:
  const digest_function function_;
  zstd_frame_encoder encoder_;
  std::vector<frame> frames_;
  byte_chain content_;
  std::uint64_t plain_ = 0;
};

}  // namespace kiln::compressing
