#pragma once

#include "plugins/stores/redis/keyed_store.hpp"

namespace kiln::redis_store {

/// One SET for each, in as many pipelines as their sizes ask for.
void write_many_keys(const keyed_ptr& where, write_blobs order, done<receipts> then);

/// A result, which replaces an earlier one.
void write_result_key(const keyed_ptr& where, write_blob order, done<receipt> then);

/// What is being read in windows stays for its readers for a while, under another name.
void forget_key(const keyed_ptr& where, const forget_blob& order, done<forgotten> then);

}  // namespace kiln::redis_store
