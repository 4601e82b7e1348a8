#pragma once

#include <caf/fwd.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/byte_budget.hpp"
#include "core/contract/store.hpp"
#include "core/contract/stream.hpp"

/// Reads a blob that is made of others.
namespace kiln {

/// What has to be read for bytes [offset, offset + limit) of the whole; limit 0 means to its end. `until` is
/// when they are of no use any more.
std::vector<read_blob> reads_of(const composition& whole, order_deadline until, std::uint64_t offset = 0,
                                std::uint64_t limit = 0);

/// How much is on its way before it is wanted.
struct read_ahead {
  std::size_t reads = 10;
  std::uint64_t bytes = 8 << 20;
  std::shared_ptr<byte_budget> memory{};  ///< for all who read ahead together; null where others bound them
};

/// One read after the other, as one source. The next ones are under way ahead of time, and what comes of them
/// is kept, so that a store that is far away is not waited for between them. The one that is being consumed
/// counts, and is read as it is wanted where it is too large or no memory is left; then none goes ahead. The
/// first error ends it, in its place. Dropping the source drops them all.
blob_source_ptr join_reads(caf::actor_system& system, store_actor from, std::vector<read_blob> reads,
                           read_ahead limits = {});

}  // namespace kiln
