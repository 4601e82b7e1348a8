#pragma once

#include <memory>

#include "actors/services/byte_stream/upload.hpp"
#include "actors/services/common/compression.hpp"

namespace kiln {

/// The bytes of the blob that a client uploads as zstd: decodes on the threads of `with` what `from` takes,
/// stream by stream, in pieces of at most 512 KiB, and tells `from` how far it got. Faulty data ends it with
/// INVALID_ARGUMENT. It takes no memory while no client is there.
struct decoded_upload {
  blob_source_ptr source;
  std::shared_ptr<sent_bytes> sent;
};
decoded_upload decoded(std::shared_ptr<upload> from, const compression& with);

}  // namespace kiln
