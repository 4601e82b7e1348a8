#pragma once

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"

namespace kiln {

/// What a client sends of a blob that it uploads as frames of zstd, beside the source that decodes it: for a
/// store that would otherwise compress the same bytes again. Whoever reads the source may ask, between two
/// reads.
class sent_bytes {
public:
  virtual ~sent_bytes() = default;

  /// True for one alone, and only before anything was read: from then on what is sent is kept until it is
  /// taken.
  virtual bool claim() noexcept = 0;
  /// What came since the last time: at least all that the source has decoded so far, and all of it with the
  /// end of the source. An error once these are no frames in a row any more, since the client went away and
  /// came back; what was taken before ends within a frame, and is the beginning of the blob all the same.
  virtual expected<byte_chain> take() = 0;
};

}  // namespace kiln
