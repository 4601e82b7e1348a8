#include "test/conformance/execution_lies.hpp"

namespace kiln::conformance {
namespace {

namespace v2 = build::bazel::remote::execution::v2;
using wait = v2::WaitExecutionRequest;

lie waiting(int rule, std::function<void(meddling&)> how) {
  return {rule, "WaitExecution", [how = std::move(how)](const call_info&) {
            meddling made;
            how(made);
            return made;
          }};
}

bool is_done(const byte_chain& message) {
  auto told = parse<operation>(message);
  return told && told->done();
}

void say_twice(meddling& made) {
  auto last = std::make_shared<byte_chain>();
  made.response = [last](byte_chain& message) {
    if (is_done(message)) *last = message;
    return true;
  };
  made.end = [last](error&) {
    return last->empty() ? std::vector<byte_chain>() : std::vector<byte_chain>{*last};
  };
}

bool was_cancelled(const operation& told) {
  execute_response response;
  return told.done() && told.response().UnpackTo(&response) &&
         response.status().code() == static_cast<int>(errc::cancelled);
}

// Falls over what a client says of itself.
lie stumbling_over_metadata() {
  return {220, "FindMissingBlobs", [](const call_info& info) {
            meddling made;
            auto value = info.value_of("build.bazel.remote.execution.v2.requestmetadata-bin");
            if (value.find("garbage") != std::string_view::npos)
              made.instead = [] {
                return std::pair<error, std::vector<byte_chain>>{error(errc::internal, "metadata"), {}};
              };
            return made;
          }};
}

}  // namespace

std::vector<lie> operations_lies() {
  return {
      waiting(181, [](meddling& made) { made.response = [](byte_chain& told) { return is_done(told); }; }),
      waiting(182, say_twice),
      misjudging<wait>(183, "WaitExecution",
                       [](const wait&, error& status, std::vector<byte_chain>&) {
                         if (status.code() == errc::not_found) status = {errc::internal, status.message()};
                       }),
      misquoting<google::longrunning::GetOperationRequest, operation>(
          212, "GetOperation",
          [](const google::longrunning::GetOperationRequest&, operation& told) {
            if (!was_cancelled(told)) told.clear_metadata();
          }),
      retelling(213,
                [](const execute_request&, execute_response& told) {
                  auto& status = *told.mutable_status();
                  if (status.code() == static_cast<int>(errc::cancelled))
                    status.set_code(static_cast<int>(errc::unknown));
                }),
      stumbling_over_metadata(),
  };
}

}  // namespace kiln::conformance
