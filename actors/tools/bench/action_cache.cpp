#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include "actors/tools/bench/workload.hpp"
#include "core/wire/digests.hpp"

// The action cache: results with two output files and a stdout, as a compiler leaves them.
namespace kiln::bench {
namespace v2 = build::bazel::remote::execution::v2;
namespace {

constexpr unsigned actions = 256;

std::string output_text(std::uint64_t seed, unsigned number) {
  return fmt::format("output {} of run {}", number, seed);
}

v2::UpdateActionResultRequest update_request(const client& server, std::uint64_t seed, std::uint64_t number) {
  v2::UpdateActionResultRequest request;
  request.set_instance_name(server.instance());
  to_wire(digest_of(fmt::format("action {} of run {}", number, seed)), request.mutable_action_digest());
  auto* result = request.mutable_action_result();
  for (unsigned i = 0; i < 2; ++i) {
    auto* file = result->add_output_files();
    file->set_path(fmt::format("bazel-out/k8-fastbuild/bin/part{}.o", i));
    to_wire(digest_of(output_text(seed, i)), file->mutable_digest());
  }
  to_wire(digest_of(output_text(seed, 2)), result->mutable_stdout_digest());
  return request;
}

expected<void> store_outputs(const client& server, std::uint64_t seed) {
  return store(server, {output_text(seed, 0), output_text(seed, 1), output_text(seed, 2)});
}

void update(const client& server, std::uint64_t seed, std::uint64_t number, finished done) {
  server.ask("/build.bazel.remote.execution.v2.ActionCache/UpdateActionResult",
             update_request(server, seed, number), [done = std::move(done)](expected<byte_chain> answer) {
               if (!answer) return done(failure(std::move(answer).error()));
               done({});
             });
}

workload update_result(std::uint64_t seed) {
  return {"update_result",
          "UpdateActionResult",
          16,
          0,
          false,
          [seed](const client& server) { return store_outputs(server, seed); },
          [seed](const client& server, std::uint64_t n, finished done) {
            update(server, seed + 1, n, std::move(done));
          }};
}

workload get_result(std::uint64_t seed) {
  auto requests = std::make_shared<std::vector<v2::GetActionResultRequest>>();
  return {"get_result",
          "GetActionResult",
          16,
          0,
          false,
          [requests, seed](const client& server) -> expected<void> {
            if (auto stored = store_outputs(server, seed); !stored) return stored;
            for (unsigned i = 0; i < actions; ++i) {
              auto updated = wait_for([&](finished done) { update(server, seed, i, std::move(done)); });
              if (!updated) return updated;
              v2::GetActionResultRequest request;
              request.set_instance_name(server.instance());
              *request.mutable_action_digest() = update_request(server, seed, i).action_digest();
              requests->push_back(std::move(request));
            }
            return {};
          },
          [requests](const client& server, std::uint64_t n, finished done) {
            server.ask("/build.bazel.remote.execution.v2.ActionCache/GetActionResult",
                       (*requests)[n % requests->size()],
                       [done = std::move(done)](expected<byte_chain> answer) {
                         if (!answer) return done(failure(std::move(answer).error()));
                         if (answer->empty())
                           return done(fail(errc::data_loss, "the result came back empty"));
                         done({});
                       });
          }};
}

}  // namespace

std::vector<workload> action_cache_workloads(std::uint64_t seed) {
  return {update_result(seed), get_result(seed)};
}

}  // namespace kiln::bench
