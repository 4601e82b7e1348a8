#pragma once

#include <vector>

#include "core/contract/store.hpp"
#include "plugins/stores/grpc/remote_cache.hpp"

namespace kiln::grpc_store {

/// FindMissingBlobs, for any number of digests of any functions: those that are absent, each once, in the
/// order asked.
void find_missing_there(remote_ptr where, std::vector<digest> asked, done<missing_blobs> then);

}  // namespace kiln::grpc_store
