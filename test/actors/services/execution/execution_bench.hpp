#pragma once

#include <caf/typed_event_based_actor.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "actors/scheduler/scheduler.hpp"
#include "actors/services/execution/execution.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/action_record.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/status.hpp"
#include "google/longrunning/operations.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "test/actors/scheduler/scripted_worker.hpp"
#include "test/actors/services/common/service_bench.hpp"

namespace kiln::test {

namespace v2 = build::bazel::remote::execution::v2;

/// The execution service with a scheduler, a content store and results that the test decides on.
struct execution_bench : service_bench {
  static constexpr const char* execute_method = "/build.bazel.remote.execution.v2.Execution/Execute";
  static constexpr const char* wait_method = "/build.bazel.remote.execution.v2.Execution/WaitExecution";

  explicit execution_bench(const execution_options& options = {}, const scheduler_options& queue = {},
                           const interpreting& reading = {}) {
    auto results =
        own(actors().spawn([known = cached, asked = lookups]() -> action_cache_actor::behavior_type {
          return {[known, asked](const find_result& order) -> caf::result<found_result> {
                    ++*asked;
                    auto found = known->find(order.action);
                    if (found == known->end()) return to_caf(error(errc::not_found, "no such result"));
                    return found_result{found->second};
                  },
                  [](const keep_result&) -> caf::result<kept_result> {
                    return to_caf(error(errc::unimplemented, "nothing is kept here"));
                  }};
        }));
    auto standing = [stand = connections_stand](const std::set<std::string>& peers) {
      return *stand ? peers : std::set<std::string>();
    };
    scheduler = own(spawn_scheduler(actors(), env(), queue, {}, record_names(), blobs));
    execution =
        own(spawn_execution(actors(), env(), options, {}, {blobs, results, scheduler, reading, standing}));
    add_routes(routes, execution);
  }

  scheduler_actor scheduler;
  execution_actor execution;
  std::shared_ptr<std::map<digest, bytes>> cached = std::make_shared<std::map<digest, bytes>>();
  std::shared_ptr<bool> connections_stand = std::make_shared<bool>(false);
  std::shared_ptr<int> lookups = std::make_shared<int>(0);

  static v2::Digest wire(const digest& from) {
    v2::Digest to;
    to_wire(from, &to);
    return to;
  }
  digest put(const google::protobuf::MessageLite& message) {
    return service_bench::put(std::string(serialise(message).view()));
  }
  using service_bench::put;

  static v2::Command echo() {
    v2::Command command;
    command.add_arguments("echo");
    command.add_output_paths("out/file");
    return command;
  }
  digest put_action(const v2::Command& command, const v2::Directory& root = {}, v2::Action action = {}) {
    *action.mutable_command_digest() = wire(put(command));
    *action.mutable_input_root_digest() = wire(put(root));
    return put(action);
  }
  static v2::ExecuteRequest request(const digest& action, bool skip_cache_lookup = false) {
    v2::ExecuteRequest made;
    made.set_instance_name("main");
    *made.mutable_action_digest() = wire(action);
    made.set_skip_cache_lookup(skip_cache_lookup);
    return made;
  }
  /// A call under way, run until nothing more happens.
  std::shared_ptr<direct_call> execute(const v2::ExecuteRequest& what) {
    auto call = start(execute_method, serialise(what));
    run();
    return call;
  }
  std::shared_ptr<direct_call> wait(const std::string& name) {
    v2::WaitExecutionRequest request;
    request.set_name(name);
    auto call = start(wait_method, serialise(request));
    run();
    return call;
  }
  /// The refusal of a request that was never queued: the call's status, or, where it names missing blobs,
  /// that of an operation that is over at once.
  error refusal(const v2::ExecuteRequest& what) {
    auto call = execute(what);
    BOOST_TEST_REQUIRE(call->status().has_value(), "the call was not finished");
    auto told = heard(*call);
    if (told.empty()) return *call->status();
    BOOST_TEST(told.size() == 1u);
    BOOST_TEST(call->status()->ok());
    auto status = response(told.front()).status();
    return unpack_status(status.code(), status.message(), status.SerializeAsString());
  }

  static std::vector<google::longrunning::Operation> heard(const direct_call& call) {
    std::vector<google::longrunning::Operation> all;
    for (const auto& message : call.messages())
      all.push_back(parse<google::longrunning::Operation>(message).value());
    return all;
  }
  static v2::ExecuteOperationMetadata metadata(const google::longrunning::Operation& operation) {
    v2::ExecuteOperationMetadata unpacked;
    BOOST_TEST_REQUIRE(operation.metadata().UnpackTo(&unpacked));
    return unpacked;
  }
  static v2::ExecuteResponse response(const google::longrunning::Operation& operation) {
    v2::ExecuteResponse unpacked;
    BOOST_TEST_REQUIRE(operation.done());
    BOOST_TEST_REQUIRE(operation.response().UnpackTo(&unpacked));
    return unpacked;
  }
  /// The subjects of an error's MISSING violations; fails at any other.
  static std::vector<std::string> missing_in(const error& fault) {
    std::vector<std::string> subjects;
    for (const auto& detail : fault.details()) {
      google::rpc::PreconditionFailure failure;
      BOOST_TEST_REQUIRE(detail.type_url == "type.googleapis.com/google.rpc.PreconditionFailure");
      BOOST_TEST_REQUIRE(failure.ParseFromString(detail.value));
      for (const auto& violation : failure.violations()) {
        BOOST_TEST(violation.type() == "MISSING");
        subjects.push_back(violation.subject());
      }
    }
    return subjects;
  }
  static bytes a_result(int exit_code = 0, const std::string& out = "done") {
    v2::ActionResult result;
    result.set_exit_code(exit_code);
    result.set_stdout_raw(out);
    return serialise(result);
  }
};

}  // namespace kiln::test
