#include "actors/tools/conform/rules/operations_rules.hpp"

#include <google/protobuf/empty.pb.h>

#include <algorithm>

namespace kiln::conform {

std::string longrunning(std::string_view method) {
  return fmt::format("/google.longrunning.Operations/{}", method);
}

executing start(probe& ask, const blob& action, bool skip_cache_lookup) {
  auto request = ask.request<v2::ExecuteRequest>();
  request.set_digest_function(action.function);
  *request.mutable_action_digest() = action.digest;
  request.set_skip_cache_lookup(skip_cache_lookup);
  auto one = ask.open<v2::ExecuteRequest, operation>(probe::reapi("Execution/Execute"));
  one.send(request);
  one.half_close();
  return one;
}

void cancel_afterwards(probe& ask, const std::string& name) {
  ask.afterwards([&ask, name] {
    google::longrunning::CancelOperationRequest request;
    request.set_name(name);
    ask.ask<google::protobuf::Empty>(longrunning("CancelOperation"), request);
  });
}

operation first_of(probe& ask, executing& one) {
  auto first = one.next();
  if (!first) {
    ask.expect(one.rest(), errc::ok);
    ask.fail("an operation", "an OK without one");
  }
  cancel_afterwards(ask, first->name());
  return std::move(*first);
}

operation running(probe& ask, executing& one) {
  auto now = first_of(ask, one);
  while (stage_of(ask, now) != v2::ExecutionStage::EXECUTING) {
    auto news = one.next(std::chrono::seconds(2));
    if (!news) break;
    now = std::move(*news);
  }
  ask.check(!now.done() && !one.ended(), "an action that still runs");
  return now;
}

answer<operation> wait_execution(probe& ask, const std::string& name) {
  v2::WaitExecutionRequest request;
  request.set_name(name);
  return ask.ask<operation>(probe::reapi("Execution/WaitExecution"), request);
}

answer<operation> get_operation(probe& ask, const std::string& name) {
  google::longrunning::GetOperationRequest request;
  request.set_name(name);
  return ask.ask<operation>(longrunning("GetOperation"), request);
}

v2::ExecutionStage::Value stage_of(probe& ask, const operation& one) {
  v2::ExecuteOperationMetadata metadata;
  ask.check(one.metadata().UnpackTo(&metadata), "an operation whose metadata are ExecuteOperationMetadata");
  return metadata.stage();
}

error ending_of(probe& ask, const answer<operation>& got) {
  if (got.silent) ask.fail("an end of the execution", "no answer in time");
  if (!got.ok()) return got.status;
  const auto status = response_of(ask, got).status();
  error ending(code_of(status), status.message());
  for (const auto& detail : status.details()) ending.add_detail({detail.type_url(), detail.value()});
  return ending;
}

void expect_ending(probe& ask, const answer<operation>& got, std::initializer_list<errc> any_of) {
  ending as_a_whole = got;
  as_a_whole.status = ending_of(ask, got);
  ask.expect(as_a_whole, any_of);
}

v2::ExecuteResponse success_of(probe& ask, const answer<operation>& got) {
  auto response = response_of(ask, got);
  ask.equal("status", response.status().code(), 0);
  ask.equal("exit_code", response.result().exit_code(), 0);
  return response;
}

std::string stdout_of(probe& ask, const v2::ActionResult& result) {
  if (!result.stdout_raw().empty() || result.stdout_digest().size_bytes() == 0) return result.stdout_raw();
  auto got = ask.read(ask.read_name({{}, result.stdout_digest(), ask.server().main_function()}));
  ask.expect(got, errc::ok);
  return data_of(got);
}

std::vector<digest_kind> execution_functions(const probe& ask) {
  auto all = ask.server().functions();
  const auto& announced = ask.server().execution().digest_functions();
  std::erase_if(all, [&](digest_kind function) {
    return function != ask.server().execution().digest_function() &&
           std::find(announced.begin(), announced.end(), function) == announced.end();
  });
  return all;
}

}  // namespace kiln::conform
