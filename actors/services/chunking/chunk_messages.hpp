#pragma once

#include "actors/services/common/cache_limits.hpp"
#include "core/base/bytes.hpp"
#include "core/contract/composition.hpp"

/// The messages of SplitBlob and SpliceBlob. What cannot be right is INVALID_ARGUMENT.
namespace kiln {

struct splice_request {
  digest blob;
  composition whole;  ///< chunks that come to the blob's size, the empty ones left out
};

/// The blob to be split.
expected<digest> read_split_request(const byte_chain& from, const cache_limits& limits);
expected<splice_request> read_splice_request(const byte_chain& from, const cache_limits& limits,
                                             std::size_t max_chunks);

bytes write_split_response(const composition& whole);
bytes write_splice_response(const digest& blob);

}  // namespace kiln
