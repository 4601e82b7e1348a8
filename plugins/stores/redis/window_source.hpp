#pragma once

#include "plugins/stores/redis/keyed_store.hpp"

namespace kiln::redis_store {

/// Reads a blob, or a range of it. What is larger than a chunk comes as a source that asks for one window
/// after the other, two ahead; whole blobs are checked against their digest.
void read_key(const keyed_ptr& where, const read_blob& order, done<blob_content> then);

/// Reads a result, all of it at once: a later one that replaces it must not end a reader.
void read_result_key(const keyed_ptr& where, const read_blob& order, done<blob_content> then);

}  // namespace kiln::redis_store
