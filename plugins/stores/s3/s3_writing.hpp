#pragma once

#include "plugins/stores/s3/s3_bucket.hpp"

namespace kiln::s3_store {

/// Writes a blob as it comes, with one request, or in parts of which nothing is seen before all are there and
/// proven; or a result, which replaces an earlier one.
void write_object(const bucket_ptr& where, write_blob order, done<receipt> then);
void write_result_object(const bucket_ptr& where, write_blob order, done<receipt> then);
void write_many_objects(const bucket_ptr& where, write_blobs order, done<receipts> then);

void forget_object(const bucket_ptr& where, const forget_blob& order, done<forgotten> then);

/// What an upload in parts is made of; for the upload.
struct upload_part {
  std::string etag;
};
std::string completion_of(const std::vector<upload_part>& parts);

/// Gives up the uploads that nobody has ended for long, now and from time to time, as long as the store
/// lives.
void abort_old_uploads(const bucket_ptr& where);

}  // namespace kiln::s3_store
