#include "actors/tools/bench/workload.hpp"

#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include <future>
#include <iterator>

#include "core/wire/digests.hpp"

namespace kiln::bench {
namespace v2 = build::bazel::remote::execution::v2;

expected<void> wait_for(const std::function<void(finished)>& start) {
  auto result = std::make_shared<std::promise<expected<void>>>();
  auto ended = result->get_future();
  start([result](expected<void> outcome) { result->set_value(std::move(outcome)); });
  return ended.get();
}

namespace {

expected<void> store_batch(const client& server, const v2::BatchUpdateBlobsRequest& batch) {
  return wait_for([&](finished done) {
    server.ask("/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchUpdateBlobs", batch,
               [done](expected<byte_chain> answer) {
                 if (!answer) return done(failure(std::move(answer).error()));
                 auto parsed = parse<v2::BatchUpdateBlobsResponse>(*answer);
                 if (!parsed) return done(failure(parsed.error()));
                 for (const auto& one : parsed->responses())
                   if (one.status().code() != 0)
                     return done(fail(errc::internal, "an upload failed: {}", one.status().message()));
                 done({});
               });
  });
}

}  // namespace

expected<void> upload(const client& server, const digest& name, std::string content) {
  return wait_for([&](finished done) {
    server.upload(name, bytes::adopt(std::move(content)), [done](expected<std::int64_t> committed) {
      if (!committed) return done(failure(std::move(committed).error()));
      done({});
    });
  });
}

expected<void> store(const client& server, const std::vector<std::string>& blobs) {
  constexpr std::size_t batch_limit = 3 << 20;
  v2::BatchUpdateBlobsRequest batch;
  batch.set_instance_name(server.instance());
  std::size_t size = 0;
  for (const auto& blob : blobs) {
    if (size + blob.size() > batch_limit) {
      if (auto stored = store_batch(server, batch); !stored) return stored;
      batch.clear_requests();
      size = 0;
    }
    auto* one = batch.add_requests();
    to_wire(digest_of(blob), one->mutable_digest());
    one->set_data(blob);
    size += blob.size() + 128;
  }
  return batch.requests().empty() ? expected<void>{} : store_batch(server, batch);
}

std::vector<workload> all_workloads(std::uint64_t seed) {
  std::vector<workload> all;
  for (auto make : {cas_workloads, stream_workloads, compressed_stream_workloads, action_cache_workloads,
                    tree_workloads, execution_workloads, input_workloads, million_workloads}) {
    auto some = make(seed);
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace kiln::bench
