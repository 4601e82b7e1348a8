#pragma once

#include "plugins/stores/s3/s3_bucket.hpp"

namespace kiln::s3_store {

struct object_range {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// A request for the range.
s3_order range_order(const s3_bucket& where, const digest& blob, const object_range& range);
/// Whether this is the answer to it: NOT_FOUND where the object is another one.
expected<object_facts> check_range(const s3_bucket& where, const digest& blob, const object_range& range,
                                   const web_head& head);

/// The bytes of the range, of which `first` is the answer that has begun. A connection that breaks is
/// replaced by another request for the rest, and so is one that nobody read from for a while.
blob_source_ptr download(bucket_ptr where, const digest& blob, const object_range& range, steady_time until,
                         web_reply first);

}  // namespace kiln::s3_store
