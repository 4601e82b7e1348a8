#pragma once

#include "core/contract/store.hpp"
#include "plugins/stores/grpc/remote_cache.hpp"

/// A store of results behind the ActionCache service of the other server. What our services keep are records
/// (core/wire/action_record.hpp); there they lie as plain ActionResults, so that others may share them.
namespace kiln::grpc_store {

void find_missing_results_there(remote_ptr where, std::vector<digest> asked, done<missing_blobs> then);
void read_result_there(remote_ptr where, const read_blob& order, done<blob_content> then);
void read_results_there(remote_ptr where, std::vector<digest> asked, done<blob_batch> then);
void write_result_there(remote_ptr where, const digest& action, blob_source_ptr source, done<receipt> then);
void write_results_there(remote_ptr where, write_blobs order, done<receipts> then);

}  // namespace kiln::grpc_store
