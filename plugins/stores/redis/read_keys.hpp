#pragma once

#include "plugins/stores/redis/keyed_store.hpp"

namespace kiln::redis_store {

/// As many pipelines as their sizes ask for, all at once. Every blob is checked against its digest.
void read_many_keys(const keyed_ptr& where, read_blobs order, done<blob_batch> then);
/// Of results, whose sizes nobody knows.
void read_many_result_keys(const keyed_ptr& where, read_blobs order, done<blob_batch> then);

/// The bytes of a result out of what lies under its key.
expected<bytes> result_in(const keyed_store& where, const digest& action, const expected<resp_reply>& came);
/// Asks for it, as much as one may have.
resp_command result_command(const keyed_store& where, const std::string& key);

}  // namespace kiln::redis_store
