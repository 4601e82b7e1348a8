#pragma once

#include "core/contract/store.hpp"
#include "plugins/stores/grpc/remote_cache.hpp"

namespace kiln::grpc_store {

/// ByteStream.Write, unless the blob is there already. The source is pulled as fast as the server takes, and
/// the last bytes are held back until it has ended well: the server never sees a whole blob that is refused
/// here. Not tried again, for the source cannot be read again; the writer may.
void write_there(remote_ptr where, const digest& blob, blob_source_ptr source, done<receipt> then);

}  // namespace kiln::grpc_store
