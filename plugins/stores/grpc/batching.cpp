#include "plugins/stores/grpc/batching.hpp"

#include "core/wire/status.hpp"
#include "google/rpc/status.pb.h"

namespace kiln::grpc_store {

std::vector<digest> distinct(const std::vector<digest>& blobs) {
  std::vector<digest> result;
  std::unordered_set<digest> named;
  for (const digest& blob : blobs)
    if (!is_empty_blob(blob) && named.insert(blob).second) result.push_back(blob);
  return result;
}

error error_of(const google::rpc::Status& status) {
  return unpack_status(status.code(), status.message(), status.SerializeAsString());
}

}  // namespace kiln::grpc_store
