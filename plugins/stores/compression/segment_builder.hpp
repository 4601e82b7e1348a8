#pragma once

#include "plugins/stores/compression/packing.hpp"

namespace kiln::compressing {

/// Makes segments out of what it is given frame by frame. One thread at a time.
class segment_builder {
public:
  explicit segment_builder(digest_function function) : function_(function) {}

  /// A frame of so many bytes of the blob: frame_size, and less only for the last.
  void add(bytes packed, std::uint64_t plain);
  /// What was added since the last.
  packed_segment finish();

  std::uint64_t packed() const noexcept { return content_.size(); }

private:
  const digest_function function_;
  std::vector<frame> frames_;
  byte_chain content_;
  std::uint64_t plain_ = 0;
};

}  // namespace kiln::compressing
