#include <google/protobuf/empty.pb.h>

#include "actors/tools/conform/rules/operations_rules.hpp"

// 12. Operations and transport. 216, 218 and 219 are about a server in need or at its end; for 217 and 222
// one needs a client that is not gRPC's.
namespace kiln::conform {
namespace {

using google::protobuf::Empty;
namespace lro = google::longrunning;

template <class Request>
answer<Empty> about(probe& ask, const char* method, const std::string& name) {
  Request request;
  request.set_name(name);
  return ask.ask<Empty>(longrunning(method), request);
}

void offered_or_not(probe& ask) {
  auto listed = ask.ask<lro::ListOperationsResponse>(longrunning("ListOperations"), [&] {
    lro::ListOperationsRequest request;
    request.set_name(ask.instance());
    request.set_page_size(1);
    return request;
  }());
  ask.expect(listed, {errc::ok, errc::unimplemented, errc::permission_denied});
  auto nothing = ask.in_instance("operations/" + ask.fresh_uuid());
  const std::initializer_list<errc> any_of{errc::not_found, errc::unimplemented, errc::permission_denied};
  ask.expect(get_operation(ask, nothing), any_of);
  ask.expect(about<lro::DeleteOperationRequest>(ask, "DeleteOperation", nothing), any_of);
  ask.expect(about<lro::CancelOperationRequest>(ask, "CancelOperation", nothing), any_of);
  lro::WaitOperationRequest wait;
  wait.set_name(nothing);
  wait.mutable_timeout()->set_seconds(1);
  ask.expect(ask.ask<operation>(longrunning("WaitOperation"), wait), any_of);
  ask.expect(ask.ask<Empty>(longrunning("NoSuchMethod"), Empty()), errc::unimplemented);
  ask.expect(ask.ask<Empty>("/kiln.conform.NoSuchService/NoSuchMethod", Empty()), errc::unimplemented);
}

void same_state(probe& ask) {
  auto one = start(ask, stored_action(ask, "sleep 0.5; " + std::string(unique_line)));
  auto first = first_of(ask, one);
  auto now = ask.ok(get_operation(ask, first.name()));
  ask.check(now.name() == first.name() && !now.done(), "the operation, which is not done yet");
  stage_of(ask, now);
  auto rest = one.rest();
  success_of(ask, rest);
  auto waited = wait_execution(ask, first.name());
  auto got = get_operation(ask, first.name());
  if (waited.status.code() == errc::not_found && got.status.code() == errc::not_found)
    ask.skip("the server retains no operations");
  auto end = ask.ok(got);
  success_of(ask, got);
  success_of(ask, waited);
  ask.check(end.SerializeAsString() == waited.messages.back().SerializeAsString(),
            "the operation that WaitExecution tells");
}

// Runs, and is cancelled; what Execute says then.
answer<operation> cancelled(probe& ask, std::string& name) {
  auto one = start(ask, stored_action(ask, "sleep 9"));
  name = running(ask, one).name();
  ask.ok(about<lro::CancelOperationRequest>(ask, "CancelOperation", name));
  return one.rest();
}

void cancel(probe& ask) {
  std::string name;
  auto got = cancelled(ask, name);
  ask.expect(got, errc::ok);
  for (const auto& one : got.messages) ask.check(!one.has_error(), "no error of the operation");
  expect_ending(ask, got, {errc::cancelled});
}

void cancel_is_not_delete(probe& ask) {
  std::string name;
  cancelled(ask, name);
  auto got = get_operation(ask, name);
  ask.equal("name", ask.ok(got).name(), name);
  expect_ending(ask, got, {errc::cancelled});
}

void delete_is_not_cancel(probe& ask) {
  auto one = start(ask, stored_action(ask, "sleep 0.5; echo hello"));
  auto name = first_of(ask, one).name();
  auto deleted = about<lro::DeleteOperationRequest>(ask, "DeleteOperation", name);
  ask.expect(deleted, {errc::ok, errc::failed_precondition});  // some delete only what has ended
  ask.check(stdout_of(ask, success_of(ask, one.rest()).result()) == "hello\n", "the result");
}

void odd_request_metadata(probe& ask) {
  const std::string key = "build.bazel.remote.execution.v2.requestmetadata-bin";
  auto request = ask.request<v2::FindMissingBlobsRequest>();
  *request.add_blob_digests() = ask.fresh().digest;
  for (const auto& value : {std::string(), std::string("\xff\xff\xff garbage"), ask.fresh_bytes(1000),
                            std::string(64 << 10, '\0'), ask.fresh_bytes(64 << 10)}) {
    asked_with odd{{{key, value}}, {}, false};
    auto method = probe::reapi("ContentAddressableStorage/FindMissingBlobs");
    // What is too long for gRPC itself is refused in its own words.
    auto got = ask.ask<v2::FindMissingBlobsResponse>(method, request, odd);
    if (value.size() > 8 << 10)
      ask.expect(got, {errc::ok, errc::invalid_argument, errc::resource_exhausted});
    else
      ask.expect(got, {errc::ok, errc::invalid_argument});
    ask.ok(ask.find_missing(ask.fresh()));
  }
}

// A number, text and a message that stand in no version of the protocol.
template <class Request>
std::string from_the_future(const Request& request) {
  auto bytes = request.SerializeAsString();
  auto* none = request.GetReflection();
  Request more;
  auto* unknown = none->MutableUnknownFields(&more);
  unknown->AddVarint(1000, 77);
  unknown->AddLengthDelimited(1001, "later");
  unknown->AddGroup(1002)->AddFixed32(1, 7);
  return bytes + more.SerializeAsString();
}

void unknown_fields(probe& ask) {
  v2::GetCapabilitiesRequest capabilities;
  capabilities.set_instance_name(ask.instance());
  ask.ok(ask.ask_raw<v2::ServerCapabilities>(probe::reapi("Capabilities/GetCapabilities"),
                                             from_the_future(capabilities)));
  if (!ask.server().announced.has_cache_capabilities()) return;
  auto stored = ask.fresh(), nobody_has = ask.fresh();
  auto update = ask.request<v2::BatchUpdateBlobsRequest>();
  update.add_requests()->set_data(stored.data);
  *update.mutable_requests(0)->mutable_digest() = stored.digest;
  auto updated = ask.ok(ask.ask_raw<v2::BatchUpdateBlobsResponse>(
      probe::reapi("ContentAddressableStorage/BatchUpdateBlobs"), from_the_future(update)));
  ask.check(updated.responses_size() == 1 && updated.responses(0).status().code() == 0, "the blob is stored");
  auto find = ask.request<v2::FindMissingBlobsRequest>();
  for (const auto& one : {stored, nobody_has}) *find.add_blob_digests() = one.digest;
  auto found = ask.ok(ask.ask_raw<v2::FindMissingBlobsResponse>(
      probe::reapi("ContentAddressableStorage/FindMissingBlobs"), from_the_future(find)));
  ask.check(found.missing_blob_digests_size() == 1 &&
                found.missing_blob_digests(0).hash() == nobody_has.digest.hash(),
            "one missing blob");
  bs::ReadRequest read;
  read.set_resource_name(ask.read_name(stored));
  auto data = ask.ask_raw<bs::ReadResponse>(probe::byte_stream("Read"), from_the_future(read));
  ask.expect(data, errc::ok);
  ask.check(data_of(data) == stored.data, "the blob");
  if (!ask.server().has_worker) return;
  auto execute = ask.request<v2::ExecuteRequest>();
  *execute.mutable_action_digest() = stored_action(ask).digest;
  success_of(ask, ask.ask_raw<operation>(probe::reapi("Execution/Execute"), from_the_future(execute)));
}

}  // namespace

std::vector<rule> operations_rules() {
  constexpr auto works = needs::cache | needs::execution | needs::worker | needs::optional;
  return {
      {211, tag::stated, "methods that are not offered are UNIMPLEMENTED", needs::nothing, offered_or_not},
      {212, tag::stated, "GetOperation tells the state that WaitExecution tells", works, same_state},
      {213, tag::stated, "an action that is cancelled is done, and CANCELLED in its response", works, cancel},
      {214, tag::stated, "an operation that was cancelled can still be read", works, cancel_is_not_delete},
      {215, tag::stated, "an operation that is deleted goes on", works, delete_is_not_cancel},
      {220, tag::de_facto, "odd request metadata are ignored, or INVALID_ARGUMENT", needs::cache,
       odd_request_metadata},
      {221, tag::choice, "unknown fields of requests are ignored", needs::nothing, unknown_fields},
  };
}

}  // namespace kiln::conform
