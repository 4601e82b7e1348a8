#pragma once

#include "plugins/stores/s3/s3_bucket.hpp"

namespace kiln::s3_store {

/// Writes a blob from its source.
void upload(const bucket_ptr& where, write_blob order, done<receipt> then);

}  // namespace kiln::s3_store
