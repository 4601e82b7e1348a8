#pragma once

#include "core/contract/store.hpp"
#include "plugins/stores/grpc/remote_cache.hpp"

namespace kiln::grpc_store {

/// ByteStream.Read, as read_blob asks for it. A whole blob is checked against its digest on the way, a part
/// of one against its length. A stream that breaks off goes on where it was.
void read_there(remote_ptr where, const read_blob& order, done<blob_content> then);

}  // namespace kiln::grpc_store
