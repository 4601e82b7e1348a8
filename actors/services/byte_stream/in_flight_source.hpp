#pragma once

#include <functional>
#include <memory>

#include "actors/services/byte_stream/in_flight_blob.hpp"
#include "core/contract/stream.hpp"

namespace kiln {

/// `upload` as the store shall pull it: what passes is offered to the readers of `shared`, too. Dropped
/// before all has passed, it fails them.
blob_source_ptr shared_source(blob_source_ptr upload, std::shared_ptr<in_flight_blob> shared);

/// Asks the store for bytes [offset, offset + limit), limit 0 for the rest, and answers on any thread. An
/// answer that cannot be had any more may be dropped.
using store_read = std::function<void(std::uint64_t offset, std::uint64_t limit,
                                      std::function<void(expected<blob_content>)>)>;

/// Bytes [offset, offset + size) of a blob that is being uploaded, as they come; what left the window before
/// it was read comes from the store, once that has it. The last byte of them, and a good end, are handed out
/// when the store has kept the blob and not before. If the upload fails, and nothing was handed out yet, all
/// comes from the store, should another upload have brought it. Otherwise the reader must not go on with what
/// may be other bytes: NOT_FOUND if they were wrong (to go on with them would make it worse), UNAVAILABLE if
/// the upload just ended.
blob_source_ptr read_in_flight(std::shared_ptr<in_flight_blob> from, std::uint64_t offset, std::uint64_t size,
                               store_read store);

}  // namespace kiln
