#pragma once

#include "core/contract/store.hpp"

namespace kiln::memory {

/// Bytes [offset, offset + limit) of a blob that lies in memory, limit 0 meaning to its end: shared, not
/// copied, so the reader goes on whatever becomes of the blob. `offset` must not lie behind the end. What is
/// small comes in the head; the rest is pulled one block at a time.
blob_content view_of(const byte_chain& blob, std::uint64_t offset, std::uint64_t limit);

}  // namespace kiln::memory
