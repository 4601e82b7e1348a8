#pragma once

#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "google/longrunning/operations.pb.h"
#include "test/harness/cluster.hpp"
#include "test/harness/print.hpp"

/// Nodes that the tests of whole clusters assemble, and what clients ask of them.
namespace kiln::test {

namespace v2 = build::bazel::remote::execution::v2;

inline const std::string execute = "/build.bazel.remote.execution.v2.Execution/Execute";

inline const std::string cache_node = R"(
stores:
  blobs: {type: filesystem, path: "${KILN_DATA}/blobs", capacity: 256MiB}
  results: {type: memory, capacity: 8MiB}
transports: {door: {type: direct, listen: [kiln]}}
serve: {content: {type: verify, inner: blobs}, results: results}
)";

inline const std::string execution_node = R"(
stores:
  blobs: {type: memory, capacity: 64MiB}
  results: {type: memory, capacity: 8MiB}
transports:
  door: {type: direct, listen: [kiln]}
  workers: {type: direct, listen: [kiln-workers]}
serve: {content: blobs, results: results, execution: {}, workers: workers}
worker_token: "${KILN_DATA}/token"
)";

inline const std::string local_worker_section = R"(
worker: {cas: blobs, work_root: "${KILN_DATA}/work", slots: 2, sandbox: {level: folder}}
)";

inline const std::string worker_node = R"(
stores: {upstream: {type: grpc, endpoint: "direct://kiln"}}
transports: {out: {type: direct}}
worker: {cas: upstream, work_root: "${KILN_DATA}/elsewhere", slots: 1, name: elsewhere, sandbox: {level: folder}}
scheduler: direct://kiln-workers
worker_token: "${KILN_DATA}/token"
)";

inline v2::Digest wire(const digest& from) {
  v2::Digest to;
  to_wire(from, &to);
  return to;
}

/// Has a client ask for a shell script to be run.
inline std::shared_ptr<direct_call> execute_script(cluster& kiln, const std::string& script) {
  v2::Command command;
  for (const auto& word : {std::string("/bin/sh"), std::string("-c"), script}) command.add_arguments(word);
  command.add_output_paths("out");
  v2::Action action;
  *action.mutable_command_digest() = wire(kiln.put(command));
  *action.mutable_input_root_digest() = wire(kiln.put(v2::Directory()));
  v2::ExecuteRequest request;
  *request.mutable_action_digest() = wire(kiln.put(action));
  return kiln.begin(execute, request);
}

/// Has a client ask for a command that says this.
inline std::shared_ptr<direct_call> execute_echo(cluster& kiln, const std::string& said) {
  return execute_script(kiln, "printf " + said + " | tee out");
}

inline v2::ExecuteResponse response_of(const direct_call& call) {
  BOOST_TEST_REQUIRE(call.finished_well(), call.end().value_or(error()).to_string());
  auto last = parse<google::longrunning::Operation>(byte_chain(call.messages().back())).value();
  v2::ExecuteResponse response;
  BOOST_TEST_REQUIRE(last.done());
  BOOST_TEST_REQUIRE(last.response().UnpackTo(&response));
  return response;
}

/// What the client of Execute was told last; nothing was told: UNKNOWN.
inline v2::ExecutionStage::Value stage_of(const direct_call& call) {
  v2::ExecuteOperationMetadata metadata;
  if (!call.messages().empty())
    parse<google::longrunning::Operation>(byte_chain(call.messages().back()))
        .value()
        .metadata()
        .UnpackTo(&metadata);
  return metadata.stage();
}

}  // namespace kiln::test
