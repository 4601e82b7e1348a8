#pragma once

#include "core/contract/store.hpp"
#include "plugins/stores/grpc/remote_cache.hpp"

namespace kiln::grpc_store {

/// ByteStream.Write, unless the blob is there already. The source is pulled as fast as the server takes, and
/// the last bytes are held back until it has ended well: the server never sees a whole blob that is refused
/// here. A stream that breaks off goes on behind what the server has of it, if that is not too far back: the
/// source cannot be read again, so some of its bytes are kept. Otherwise the writer may try again.
void write_there(remote_ptr where, const digest& blob, blob_source_ptr source, done<receipt> then);

}  // namespace kiln::grpc_store
