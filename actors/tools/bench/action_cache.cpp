#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include "actors/tools/bench/workload.hpp"
#include "core/wire/digests.hpp"

// The action cache: results with two output files and a stdout, as a compiler leaves them; and with a hundred
// files and a tree of a thousand, as generators and packagers do.
namespace kiln::bench {
namespace v2 = build::bazel::remote::execution::v2;
namespace {

constexpr unsigned actions = 256;
constexpr unsigned large_actions = 16;
constexpr unsigned large_files = 100;
constexpr unsigned files_in_tree = 1000;

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

using get_requests = std::vector<v2::GetActionResultRequest>;

workload get_results(const char* name, std::shared_ptr<get_requests> requests,
                     std::function<expected<void>(const client&)> prepare) {
  return {name,
          "GetActionResult",
          16,
          0,
          false,
          std::move(prepare),
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

v2::GetActionResultRequest get_request(const client& server, const v2::UpdateActionResultRequest& kept) {
  v2::GetActionResultRequest request;
  request.set_instance_name(server.instance());
  *request.mutable_action_digest() = kept.action_digest();
  return request;
}

workload get_result(std::uint64_t seed) {
  auto requests = std::make_shared<get_requests>();
  return get_results("get_result", requests, [requests, seed](const client& server) -> expected<void> {
    if (auto stored = store_outputs(server, seed); !stored) return stored;
    for (unsigned i = 0; i < actions; ++i) {
      auto updated = wait_for([&](finished done) { update(server, seed, i, std::move(done)); });
      if (!updated) return updated;
      requests->push_back(get_request(server, update_request(server, seed, i)));
    }
    return {};
  });
}

expected<v2::UpdateActionResultRequest> large_update(const client& server, std::uint64_t seed,
                                                     unsigned number) {
  auto request = update_request(server, seed, 1'000'000 + number);
  auto* result = request.mutable_action_result();
  std::vector<std::string> contents;
  for (unsigned i = 0; i < large_files; ++i) {
    contents.push_back(fmt::format("file {} of large action {} in run {}", i, number, seed));
    auto* file = result->add_output_files();
    file->set_path(fmt::format("bazel-out/k8-fastbuild/bin/generated/file{}.cc", i));
    to_wire(digest_of(contents.back()), file->mutable_digest());
  }
  v2::Tree tree;
  for (unsigned i = 0; i < files_in_tree; ++i) {
    contents.push_back(fmt::format("file {} in the tree of large action {} in run {}", i, number, seed));
    auto* file = tree.mutable_root()->add_files();
    file->set_name(fmt::format("file{:04}", i));
    to_wire(digest_of(contents.back()), file->mutable_digest());
  }
  contents.push_back(tree.SerializeAsString());
  auto* folder = result->add_output_directories();
  folder->set_path("bazel-out/k8-fastbuild/bin/tree");
  to_wire(digest_of(contents.back()), folder->mutable_tree_digest());
  if (auto stored = store(server, contents); !stored) return failure(stored.error());
  return request;
}

workload get_result_large(std::uint64_t seed) {
  auto requests = std::make_shared<get_requests>();
  return get_results("get_result_large", requests, [requests, seed](const client& server) -> expected<void> {
    if (auto stored = store_outputs(server, seed); !stored) return stored;
    for (unsigned i = 0; i < large_actions; ++i) {
      auto request = large_update(server, seed, i);
      if (!request) return failure(request.error());
      auto updated = wait_for([&](finished done) {
        server.ask("/build.bazel.remote.execution.v2.ActionCache/UpdateActionResult", *request,
                   [done = std::move(done)](expected<byte_chain> answer) {
                     answer ? done({}) : done(failure(std::move(answer).error()));
                   });
      });
      if (!updated) return updated;
      requests->push_back(get_request(server, *request));
    }
    return {};
  });
}

}  // namespace

std::vector<workload> action_cache_workloads(std::uint64_t seed) {
  return {update_result(seed), get_result(seed), get_result_large(seed)};
}

}  // namespace kiln::bench
