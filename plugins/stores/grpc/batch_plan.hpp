#pragma once

#include <cstdint>
#include <vector>

#include "core/digest/digest.hpp"

namespace kiln::grpc_store {

/// Which blobs share a message. No message mixes digest functions or grows beyond the limit.
struct batch_plan {
  struct batch {
    digest_function function;
    std::vector<digest> blobs;
  };
  std::vector<batch> batches;
  std::vector<digest> alone;  ///< too large for any batch: to be streamed

  /// `blobs` must be distinct.
  static batch_plan for_blobs(const std::vector<digest>& blobs, std::uint64_t limit);
};

}  // namespace kiln::grpc_store
