#pragma once

#include "plugins/stores/http/web_remote.hpp"

namespace kiln::web_store {

/// What the orders to a store come to. A blob that the protocol cannot name is missing, and cannot be
/// written.
void find_missing_there(const remote_ptr& where, find_missing order, done<missing_blobs> then);
void read_blob_there(const remote_ptr& where, const read_blob& order, done<blob_content> then);
void read_result_there(const remote_ptr& where, const read_blob& order, done<blob_content> then);
void read_many_there(const remote_ptr& where, read_blobs order, done<blob_batch> then);
void write_blob_there(const remote_ptr& where, write_blob order, done<receipt> then);
void write_result_there(const remote_ptr& where, write_blob order, done<receipt> then);
void write_many_there(const remote_ptr& where, write_blobs order, done<receipts> then);
void forget_there(const remote_ptr& where, const forget_blob& order, done<forgotten> then);

}  // namespace kiln::web_store
