#pragma once

#include "plugins/stores/s3/s3_bucket.hpp"

namespace kiln::s3_store {

/// Exactly those that are absent, in the order asked.
void find_missing_objects(const bucket_ptr& where, find_missing order, done<missing_blobs> then);

/// Reads a blob, or a range of it: what is small comes at once, the rest as it is read, and goes on where a
/// connection broke. Whole blobs are checked against their digest.
void read_object(const bucket_ptr& where, const read_blob& order, done<blob_content> then);
/// Reads a result, all of it at once: a later one that replaces it must not end a reader.
void read_result_object(const bucket_ptr& where, const read_blob& order, done<blob_content> then);
void read_many_objects(const bucket_ptr& where, read_blobs order, done<blob_batch> then);

}  // namespace kiln::s3_store
