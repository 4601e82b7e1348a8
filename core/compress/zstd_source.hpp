#pragma once

#include <memory>

#include "core/base/thread_pool.hpp"
#include "core/contract/stream.hpp"

namespace kiln {

/// `head` and then `rest` (null if nothing follows), exactly `size` bytes, as one frame of zstd. Compressed
/// on `threads` as it is pulled, in pieces of at most 256 KiB, so that no more than that and one piece of
/// `rest` lies here. A `rest` that ends early or late fails it (INTERNAL).
blob_source_ptr zstd_encoded(byte_chain head, blob_source_ptr rest, std::uint64_t size, int level,
                             std::shared_ptr<thread_pool> threads);

/// The first `size` bytes of what `from`, frames of zstd, decodes to, which is `whole` bytes. Decoded on
/// `threads` as it is pulled, in pieces of at most 512 KiB. INVALID_ARGUMENT for what is not that; what
/// follows behind those bytes is looked at only where `size` is the whole.
blob_source_ptr zstd_decoded(blob_source_ptr from, std::uint64_t size, std::uint64_t whole,
                             std::shared_ptr<thread_pool> threads);

}  // namespace kiln
