#pragma once

#include "core/contract/store.hpp"
#include "plugins/stores/grpc/remote_cache.hpp"

namespace kiln::grpc_store {

/// BatchReadBlobs, in as many messages as the server's limit asks for; what is too large for any is streamed.
/// Every blob is checked against its digest.
void read_many_there(remote_ptr where, std::vector<digest> blobs, done<blob_batch> then);

/// BatchUpdateBlobs, the same way.
void write_many_there(remote_ptr where, write_blobs order, done<receipts> then);

}  // namespace kiln::grpc_store
