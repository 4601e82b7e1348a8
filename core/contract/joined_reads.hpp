#pragma once

#include <caf/fwd.hpp>
#include <vector>

#include "core/contract/store.hpp"
#include "core/contract/stream.hpp"

/// Reads a blob that is made of others.
namespace kiln {

/// What has to be read for bytes [offset, offset + limit) of the whole; limit 0 means to its end. `until` is
/// when they are of no use any more.
std::vector<read_blob> reads_of(const composition& whole, steady_time until, std::uint64_t offset = 0,
                                std::uint64_t limit = 0);

/// One read after the other, as one source. The next few are asked for ahead of time, so that the disk is not
/// waited for between them; their bytes are not. The first error ends it.
blob_source_ptr join_reads(caf::actor_system& system, store_actor from, std::vector<read_blob> reads);

}  // namespace kiln
