#pragma once

#include <cstdint>
#include <memory>

#include "core/base/thread_pool.hpp"
#include "core/contract/stream.hpp"

namespace kiln::web_store {

/// The `size` bytes that `source` has as frames of zstd, in pieces of at most 1 MiB, decoded on `threads`.
/// INVALID_ARGUMENT where they are none, or other than `size`.
blob_source_ptr zstd_decoded(blob_source_ptr source, std::uint64_t size,
                             std::shared_ptr<thread_pool> threads);

}  // namespace kiln::web_store
