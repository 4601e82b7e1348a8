#pragma once

#include "plugins/stores/redis/keyed_store.hpp"

namespace kiln::redis_store {

/// Writes a blob, unless it is there. One up to a chunk is one SET. A larger one is appended to a key of its
/// own, chunk by chunk, which expires by itself when its writer is gone, and takes its name in one
/// transaction when all of it has proved right: nobody sees a part of it. All chunks go over one connection;
/// if that breaks, the write fails, for its source cannot be read again.
void write_key(const keyed_ptr& where, write_blob order, done<receipt> then);

}  // namespace kiln::redis_store
