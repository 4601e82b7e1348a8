#pragma once

#include "plugins/stores/redis/keyed_store.hpp"

namespace kiln::redis_store {

/// One STRLEN for each blob, which also counts as a use. What has another length than the blob is missing:
/// the length says that something is there, and nothing that we keep is empty.
void find_missing_keys(const keyed_ptr& where, find_missing order, done<missing_blobs> then);

}  // namespace kiln::redis_store
