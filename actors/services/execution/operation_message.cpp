#include "actors/services/execution/operation_message.hpp"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <cstring>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "core/wire/output_name.hpp"
#include "core/wire/status.hpp"
#include "google/longrunning/operations.pb.h"
#include "google/rpc/status.pb.h"

namespace kiln {
namespace {

namespace v2 = build::bazel::remote::execution::v2;

/// The result stays the bytes that the worker sent: as field 1 they go in front of the other fields.
std::string with_result(const v2::ExecuteResponse& rest, std::string_view result) {
  std::string out;
  if (!result.empty()) {
    constexpr std::uint32_t tag = v2::ExecuteResponse::kResultFieldNumber << 3 | 2;
    google::protobuf::io::StringOutputStream stream(&out);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.WriteTag(tag);
    coded.WriteVarint64(result.size());
    coded.WriteRaw(result.data(), static_cast<int>(result.size()));
  }
  rest.AppendToString(&out);
  return out;
}

v2::ExecutionStage::Value stage_to_wire(stage now) {
  switch (now) {
    case stage::queued:
      return v2::ExecutionStage::QUEUED;
    case stage::executing:
      return v2::ExecutionStage::EXECUTING;
    case stage::completed:
      break;
  }
  return v2::ExecutionStage::COMPLETED;
}

/// What a user is to read beside the exit code; empty for most. A shell exits with the same number when a
/// signal ended what it ran, and nothing here tells the two apart.
std::string remark_on(const action_outcome& outcome) {
  constexpr int signals = 64;
  int signal = outcome.exit_code - 128;
  if (!outcome.status.ok() || signal < 1 || signal > signals) return {};
  return fmt::format("exit code {}, as after signal {} ({})", outcome.exit_code, signal, ::strsignal(signal));
}

}  // namespace

google::longrunning::Operation operation_to_wire(const operation_state& state) {
  google::longrunning::Operation operation;
  operation.set_name(state.name);

  v2::ExecuteOperationMetadata metadata;
  metadata.set_stage(stage_to_wire(state.now));
  metadata.set_digest_function(static_cast<v2::DigestFunction::Value>(state.action.function));
  to_wire(state.action, metadata.mutable_action_digest());
  if (!state.remark.empty()) {
    google::rpc::Status remark;
    remark.set_code(static_cast<int>(errc::failed_precondition));
    remark.set_message(state.remark);
    metadata.mutable_partial_execution_metadata()->add_auxiliary_metadata()->PackFrom(remark);
  }
  if (state.followed > 0) {
    metadata.set_stdout_stream_name(make_output_name({state.name, state.followed, standard_stream::out}));
    metadata.set_stderr_stream_name(make_output_name({state.name, state.followed, standard_stream::err}));
  }
  operation.mutable_metadata()->PackFrom(metadata);
  if (state.now != stage::completed) return operation;

  operation.set_done(true);
  v2::ExecuteResponse response;
  response.set_cached_result(state.outcome.from_cache);
  if (!state.outcome.status.ok())
    response.mutable_status()->ParseFromString(pack_status(state.outcome.status));
  response.set_message(remark_on(state.outcome));
  if (state.outcome.attempts_log) {
    auto& log = (*response.mutable_server_logs())["attempts"];
    to_wire(*state.outcome.attempts_log, log.mutable_digest());
    log.set_human_readable(true);
  }
  auto* any = operation.mutable_response();
  any->set_type_url("type.googleapis.com/" + response.GetTypeName());
  any->set_value(with_result(response, state.outcome.result.view()));
  return operation;
}

bytes operation_message(const operation_state& state) {
  return serialise(operation_to_wire(state));
}

}  // namespace kiln
