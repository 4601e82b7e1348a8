#pragma once

#include <string>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/digest/digest.hpp"
#include "core/wire/resource_name.hpp"

/// The messages of ContentAddressableStorage that carry many digests or many blobs, read and written by hand:
/// a blob's bytes are shared with the message it came in or goes out with. Faults in a request are
/// INVALID_ARGUMENT for the whole of it.
namespace kiln {

/// FindMissingBlobsRequest, BatchReadBlobsRequest.
struct digests_request {
  std::string instance;
  std::vector<digest> blobs;
  bool takes_zstd = false;  ///< of BatchReadBlobsRequest: the answer may be compressed so
};
expected<digests_request> read_find_missing_request(const byte_chain& from);
expected<digests_request> read_batch_read_request(const byte_chain& from);

/// BatchUpdateBlobsRequest.
struct update_request {
  struct entry {
    digest blob;
    bytes data;
    compressor form = compressor::identity;  ///< of `data`
  };
  std::string instance;
  std::vector<entry> entries;
};
expected<update_request> read_batch_update_request(const byte_chain& from);

byte_chain write_find_missing_response(const std::vector<digest>& missing);

/// BatchUpdateBlobsResponse: for each blob how it went; an ok error is success.
byte_chain write_batch_update_response(const std::vector<update_request::entry>& asked,
                                       const std::vector<error>& outcomes);

/// BatchReadBlobsResponse. Blobs that would make it larger than `limit` are RESOURCE_EXHAUSTED, each by
/// itself: clients refuse a message they find too large as a whole. `forms` are those of the results; empty
/// if they are all as they are.
byte_chain write_batch_read_response(const std::vector<digest>& asked,
                                     const std::vector<expected<bytes>>& results, std::size_t limit,
                                     const std::vector<compressor>& forms = {});

}  // namespace kiln
