#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include "actors/tools/bench/workload.hpp"
#include "core/wire/digests.hpp"

// Capabilities and the batches of the CAS.
namespace kiln::bench {
namespace v2 = build::bazel::remote::execution::v2;
namespace {

constexpr std::size_t small_blob = 1024;
constexpr unsigned batch_blobs = 100;

std::string blob_text(std::uint64_t seed, std::uint64_t number) {
  auto text = fmt::format("{:016x}{:016x}", seed, number);
  text.resize(small_blob, 'k');
  return text;
}

std::vector<std::string> some_blobs(std::uint64_t seed, unsigned count) {
  std::vector<std::string> blobs;
  for (unsigned i = 0; i < count; ++i) blobs.push_back(blob_text(seed, i));
  return blobs;
}

workload capabilities() {
  return {"capabilities",
          "GetCapabilities",
          16,
          0,
          false,
          [](const client&) { return expected<void>{}; },
          [](const client& server, std::uint64_t, finished done) {
            v2::GetCapabilitiesRequest request;
            request.set_instance_name(server.instance());
            server.ask("/build.bazel.remote.execution.v2.Capabilities/GetCapabilities", request,
                       [done](expected<byte_chain> answer) {
                         if (!answer) return done(failure(std::move(answer).error()));
                         done({});
                       });
          }};
}

workload find_missing(std::uint64_t seed, unsigned count, unsigned in_flight) {
  auto request = std::make_shared<v2::FindMissingBlobsRequest>();
  auto blobs = some_blobs(seed, count);
  for (const auto& blob : blobs) to_wire(digest_of(blob), request->add_blob_digests());
  return {fmt::format("find_missing_{}", count),
          fmt::format("FindMissingBlobs x{}", count),
          in_flight,
          0,
          false,
          [blobs, request](const client& server) {
            request->set_instance_name(server.instance());
            return store(server, blobs);
          },
          [request](const client& server, std::uint64_t, finished done) {
            server.ask("/build.bazel.remote.execution.v2.ContentAddressableStorage/FindMissingBlobs",
                       *request, [done](expected<byte_chain> answer) {
                         if (!answer) return done(failure(std::move(answer).error()));
                         if (!answer->empty())
                           return done(fail(errc::data_loss, "a stored blob is called missing"));
                         done({});
                       });
          }};
}

workload batch_update(std::uint64_t seed) {
  return {"batch_update",
          "BatchUpdateBlobs 100 x 1 KiB",
          4,
          small_blob * batch_blobs,
          false,
          [](const client&) { return expected<void>{}; },
          [seed](const client& server, std::uint64_t n, finished done) {
            v2::BatchUpdateBlobsRequest request;
            request.set_instance_name(server.instance());
            for (unsigned i = 0; i < batch_blobs; ++i) {
              auto* one = request.add_requests();
              one->set_data(blob_text(seed + 1, n * batch_blobs + i));
              to_wire(digest_of(one->data()), one->mutable_digest());
            }
            server.ask("/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchUpdateBlobs", request,
                       [done](expected<byte_chain> answer) {
                         if (!answer) return done(failure(std::move(answer).error()));
                         auto parsed = parse<v2::BatchUpdateBlobsResponse>(*answer);
                         if (!parsed) return done(failure(parsed.error()));
                         for (const auto& one : parsed->responses())
                           if (one.status().code() != 0)
                             return done(fail(errc::internal, "{}", one.status().message()));
                         done({});
                       });
          }};
}

workload batch_read(std::uint64_t seed) {
  auto request = std::make_shared<v2::BatchReadBlobsRequest>();
  auto blobs = some_blobs(seed, batch_blobs);
  for (const auto& blob : blobs) to_wire(digest_of(blob), request->add_digests());
  return {"batch_read",
          "BatchReadBlobs 100 x 1 KiB",
          8,
          small_blob * batch_blobs,
          false,
          [blobs, request](const client& server) {
            request->set_instance_name(server.instance());
            return store(server, blobs);
          },
          [request](const client& server, std::uint64_t, finished done) {
            server.ask(
                "/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchReadBlobs", *request,
                [done](expected<byte_chain> answer) {
                  if (!answer) return done(failure(std::move(answer).error()));
                  if (answer->size() < small_blob * batch_blobs)
                    return done(fail(errc::data_loss, "a batch came back with {} bytes", answer->size()));
                  done({});
                });
          }};
}

}  // namespace

std::vector<workload> cas_workloads(std::uint64_t seed) {
  return {capabilities(), find_missing(seed, 100, 16), find_missing(seed, 1000, 8), batch_update(seed),
          batch_read(seed)};
}

}  // namespace kiln::bench
