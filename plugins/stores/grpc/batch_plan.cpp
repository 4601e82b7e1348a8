#include "plugins/stores/grpc/batch_plan.hpp"

#include <utility>

namespace kiln::grpc_store {
namespace {

// What a blob costs in a message beside its bytes: hash, sizes, tags, and an instance's share.
constexpr std::uint64_t around_a_blob = 256;

}  // namespace

batch_plan batch_plan::for_blobs(const std::vector<digest>& blobs, std::uint64_t limit) {
  batch_plan plan;
  for (const auto& info : digest_functions()) {
    batch open{info.function, {}};
    std::uint64_t weight = around_a_blob;
    for (const digest& blob : blobs) {
      if (blob.function != info.function) continue;
      const std::uint64_t more = static_cast<std::uint64_t>(blob.size) + around_a_blob;
      if (more + around_a_blob > limit) {
        plan.alone.push_back(blob);
        continue;
      }
      if (weight + more > limit) {
        plan.batches.push_back(std::exchange(open, {info.function, {}}));
        weight = around_a_blob;
      }
      open.blobs.push_back(blob);
      weight += more;
    }
    if (!open.blobs.empty()) plan.batches.push_back(std::move(open));
  }
  return plan;
}

}  // namespace kiln::grpc_store
