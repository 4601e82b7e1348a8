#include <google/longrunning/operations.pb.h>

#include "actors/tools/bench/prepared_action.hpp"
#include "core/wire/digests.hpp"

// Execute: the cost of an action around the process that it starts, and of one that is in the cache already.
namespace kiln::bench {
namespace v2 = build::bazel::remote::execution::v2;

prepared_action make_action(const client& server, std::vector<std::string> arguments,
                            std::vector<std::string> outputs, bool cached, std::string root) {
  prepared_action made;
  v2::Command command;
  for (auto& argument : arguments) command.add_arguments(std::move(argument));
  for (auto& output : outputs) command.add_output_paths(std::move(output));
  made.blobs.push_back(command.SerializeAsString());
  made.blobs.push_back(std::move(root));
  v2::Action action;
  to_wire(digest_of(made.blobs[0]), action.mutable_command_digest());
  to_wire(digest_of(made.blobs[1]), action.mutable_input_root_digest());
  action.set_do_not_cache(!cached);
  made.blobs.push_back(action.SerializeAsString());
  made.request.set_instance_name(server.instance());
  made.request.set_skip_cache_lookup(!cached);
  to_wire(digest_of(made.blobs[2]), made.request.mutable_action_digest());
  return made;
}

void execute(const client& server, const v2::ExecuteRequest& request, finished done) {
  auto last = std::make_shared<byte_chain>();
  server.follow(
      "/build.bazel.remote.execution.v2.Execution/Execute", request,
      [last](byte_chain message) { *last = std::move(message); },
      [last, done = std::move(done)](expected<void> ended) {
        if (!ended) return done(std::move(ended));
        auto operation = parse<google::longrunning::Operation>(*last);
        if (!operation) return done(failure(operation.error()));
        v2::ExecuteResponse response;
        if (!operation->done() || !operation->response().UnpackTo(&response))
          return done(fail(errc::internal, "the stream ended before the operation was done"));
        if (response.status().code() != 0 || response.result().exit_code() != 0)
          return done(fail(errc::internal, "the action failed: {}", response.status().message()));
        done({});
      });
}

namespace {

using action_maker = std::function<prepared_action(const client&, std::uint64_t)>;

// Each operation runs a command of its own. The blobs of the next ones are uploaded in large batches, ahead
// of the load: the figure is of Execute, not of the uploads.
workload fresh_actions(std::string name, std::string title, action_maker make) {
  constexpr std::uint64_t ahead = 5'000;
  auto requests = std::make_shared<std::vector<v2::ExecuteRequest>>();
  return {std::move(name),
          std::move(title),
          8,
          0,
          true,
          [requests, make](const client& server) {
            std::vector<std::string> blobs;
            for (std::uint64_t n = 0; n < ahead; ++n) {
              auto made = make(server, n);
              blobs.insert(blobs.end(), made.blobs.begin(), made.blobs.end());
              requests->push_back(std::move(made.request));
            }
            return store(server, blobs);
          },
          [requests](const client& server, std::uint64_t n, finished done) {
            execute(server, (*requests)[n % requests->size()], std::move(done));
          }};
}

workload cached_action(std::uint64_t seed) {
  auto request = std::make_shared<v2::ExecuteRequest>();
  return {"execute_cached",
          "Execute, cached",
          16,
          0,
          true,
          [request, seed](const client& server) -> expected<void> {
            auto made = make_action(server, {"/bin/true", fmt::format("{}", seed)}, {}, true);
            if (auto stored = store(server, made.blobs); !stored) return stored;
            *request = made.request;
            return wait_for([&](finished done) { execute(server, *request, std::move(done)); });
          },
          [request](const client& server, std::uint64_t, finished done) {
            execute(server, *request, std::move(done));
          }};
}

}  // namespace

std::vector<workload> execution_workloads(std::uint64_t seed) {
  return {fresh_actions("execute_true", "Execute `true`, no cache",
                        [seed](const client& server, std::uint64_t n) {
                          return make_action(server, {"/bin/true", fmt::format("{}.{}", seed, n)}, {}, false);
                        }),
          fresh_actions("execute_sh", "Execute `sh` with an output",
                        [seed](const client& server, std::uint64_t n) {
                          return make_action(server,
                                             {"/bin/sh", "-c", fmt::format("echo {}.{} > out", seed, n)},
                                             {"out"}, false);
                        }),
          cached_action(seed)};
}

}  // namespace kiln::bench
