#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "core/base/byte_budget.hpp"
#include "core/base/thread_pool.hpp"
#include "core/compress/zstd_frames.hpp"
#include "core/contract/sent_bytes.hpp"
#include "core/contract/stream.hpp"
#include "plugins/stores/compression/packed_form.hpp"

namespace kiln::compressing {

/// A segment on its way into the inner store.
struct packed_segment {
  segment what;
  byte_chain content;
};

/// Of blobs that are written.
struct packing_rules {
  int level = 1;
  int min_saving = 10;               ///< percent of the first frame
  std::uint64_t full = 16 << 20;     ///< bytes of a segment, and a frame more
  std::uint64_t scarce = 4 << 20;    ///< the same where `memory` is used up
  std::uint64_t as_sent = 64 << 20;  ///< of larger blobs, what a client sends is not kept as it is
  std::shared_ptr<byte_budget> memory;
  std::shared_ptr<thread_pool> threads;

  bool saves(std::uint64_t plain, std::uint64_t packed) const noexcept {
    return packed * 100 <= plain * static_cast<std::uint64_t>(100 - min_saving);
  }
};

/// What became of a blob.
struct packing_end {
  packed_form form;            ///< all segments are kept
  blob_source_ptr lies_plain;  ///< or it does not shrink: this is the source, with what was read of it
};

/// What is called, on any thread, one after the other.
struct packing_told {
  /// A segment is to be kept. The next comes when `kept` was called, on any thread. The last comes when the
  /// blob is known to have its digest.
  std::function<void(packed_segment, std::function<void(expected<void>)> kept)> keep;
  /// Once. INVALID_ARGUMENT if the bytes are not the blob.
  std::function<void(expected<packing_end>)> done;
};

/// Compresses what comes as the blob, and hashes it, on the threads. Of the source a frame is held, and as
/// much as it gives at once; of what is compressed a segment.
///
/// `sent` may be null. Where it is not, and fits into a segment, what the client sent is kept instead, which
/// costs nothing but memory; where it does not, or the client went away and came back, the blob is decoded
/// out of what was kept once more and compressed.
void pack(const digest& blob, blob_source_ptr source, std::shared_ptr<sent_bytes> sent, packing_rules rules,
          packing_told told);

/// All at once, for what is in memory: one segment, or none if it does not shrink. INVALID_ARGUMENT if it is
/// not the blob. For the threads; `with` may go on to others.
expected<std::optional<packed_segment>> pack_now(const digest& blob, const bytes& content,
                                                 const packing_rules& rules, zstd_frame_encoder& with);

}  // namespace kiln::compressing
