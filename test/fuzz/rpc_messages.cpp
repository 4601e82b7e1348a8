#include <functional>
#include <vector>

#include "actors/services/chunking/chunk_messages.hpp"
#include "actors/services/common/result_rules.hpp"
#include "actors/services/get_tree/get_tree_message.hpp"
#include "actors/services/remote_asset/asset_request.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/contract/worker_protocol.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "core/wire/resource_name.hpp"
#include "core/wire/status.hpp"
#include "core/wire/times.hpp"
#include "google/bytestream/bytestream.pb.h"
#include "google/devtools/build/v1/publish_build_event.pb.h"
#include "google/longrunning/operations.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "test/fuzz/fuzz.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

namespace v2 = build::bazel::remote::execution::v2;
namespace lro = google::longrunning;

template <class Message>
expected<Message> taken(std::string_view text, std::size_t piece) {
  auto whole = parse<Message>(in_pieces(text, 0));
  auto parts = parse<Message>(in_pieces(text, piece));
  must(whole.has_value() == parts.has_value(), "pieces make no difference to whether a message is one");
  if (!whole) return whole;
  const auto written = serialise(*whole);
  must(written.view() == serialise(*parts).view(), "pieces make no difference to what a message says");
  must(parse<Message>(written).has_value(), "what is taken can be written and taken again");
  return whole;
}

template <class Message>
void only_parsed(std::string_view text, std::size_t piece) {
  (void)taken<Message>(text, piece);
}

template <class Message>
void asset_asked(std::string_view text, std::size_t piece) {
  auto message = taken<Message>(text, piece);
  if (!message) return;
  auto question = read_question(*message, asset_rules{{"further"}});
  if (!question) return;
  must(!question->uris.empty(), "a question has a URI");
  must(!question->names().empty(), "a question has a name");
}

template <class Message>
void asset_stated(std::string_view text, std::size_t piece) {
  auto message = taken<Message>(text, piece);
  if (!message) return;
  auto statement = read_statement(*message, asset_rules{{"further"}}, wall_time{});
  if (!statement) return;
  must(!statement->uris.empty() && !statement->names().empty(), "a statement has URIs and names");
  statement->record.uri = statement->uris.front();
  auto kept = to_result(statement->record);
  if (!kept) return;
  auto back = from_result(*kept, statement->record.content.function);
  must(back && back->content == statement->record.content && back->uri == statement->record.uri,
       "an asset that was kept is found as it was");
}

void result_kept(std::string_view text, std::size_t piece) {
  auto message = taken<v2::UpdateActionResultRequest>(text, piece);
  if (!message || !check_result(message->action_result(), digest_of("action"))) return;
  for (const auto& file : message->action_result().output_files())
    must(file.path().find('\0') == std::string::npos && !file.path().starts_with('/'),
         "a path of a result can be made");
}

void result_asked(std::string_view text, std::size_t piece) {
  auto message = taken<v2::GetActionResultRequest>(text, piece);
  if (!message || !check_instance_name(message->instance_name())) return;
  const auto& name = message->action_digest();
  auto function = resolve_function(message->digest_function(), name.hash().size());
  if (!function) return;
  auto action = from_wire(name, *function);
  if (!action) return;
  v2::Digest again;
  to_wire(*action, &again);
  must(again.hash() == name.hash() && again.size_bytes() == name.size_bytes(), "a digest has one spelling");
}

void tree_asked(std::string_view text, std::size_t piece) {
  auto request = read_get_tree_request(in_pieces(text, piece), cache_limits());
  if (!request) return;
  must(request->root.size >= 0, "the root of a tree has a size");
  must(request->position == 0 || !request->token.empty(), "only a token says where to go on");
}

void split_asked(std::string_view text, std::size_t piece) {
  auto blob = read_split_request(in_pieces(text, piece), cache_limits());
  must(!blob || blob->size >= 0, "a blob to be split has a size");
}

void splice_asked(std::string_view text, std::size_t piece) {
  auto request = read_splice_request(in_pieces(text, piece), cache_limits(), 100);
  if (!request) return;
  std::uint64_t total = 0;
  for (const auto& part : request->whole.parts) {
    // One of no bytes with another hash than theirs names no blob: the store will miss it.
    must(!is_empty_blob(part) && part.function == request->blob.function, "a chunk is a blob with bytes");
    total += static_cast<std::uint64_t>(part.size);
  }
  must(total == static_cast<std::uint64_t>(request->blob.size), "the chunks come to the blob's size");
  must(request->whole.parts.size() <= 100, "no more chunks than are taken");
}

// What a peer says went wrong comes in a header, in a message of its own.
void fault_told(std::string_view text, std::size_t piece) {
  auto fault = unpack_status(static_cast<int>(piece), "told", text);
  auto again = unpack_status(static_cast<int>(fault.code()), fault.message(), pack_status(fault));
  must(again.code() == fault.code() && again.message() == fault.message(), "a fault, told on, is the same");
  must(again.details().size() == fault.details().size(), "a fault, told on, has all its details");
}

void times_told(std::string_view text, std::size_t piece) {
  if (auto message = taken<google::protobuf::Duration>(text, piece)) (void)from_wire(*message);
  auto message = taken<google::protobuf::Timestamp>(text, piece);
  if (!message) return;
  auto time = from_wire(*message);
  if (!time) return;
  google::protobuf::Timestamp again;
  to_wire(*time, &again);
  auto back = from_wire(again);
  must(back && *back == *time, "a time, written, reads the same");
}

template <class Decode>
void worker_said(std::string_view text, std::size_t piece, Decode decode) {
  auto words = decode(in_pieces(text, piece));
  if (!words) return;
  auto again = decode(encode(*words));
  must(again && again->index() == words->index(), "words of a session, written, are the same words");
}

using attempt = std::function<void(std::string_view, std::size_t)>;

const std::vector<attempt>& attempts() {
  // One for each RPC, but for those whose requests have a target of their own.
  static const std::vector<attempt> all = {
      only_parsed<v2::WaitExecutionRequest>,
      result_asked,
      result_kept,
      tree_asked,
      split_asked,
      splice_asked,
      only_parsed<v2::GetCapabilitiesRequest>,
      asset_asked<asset_v1::FetchBlobRequest>,
      asset_asked<asset_v1::FetchDirectoryRequest>,
      asset_stated<asset_v1::PushBlobRequest>,
      asset_stated<asset_v1::PushDirectoryRequest>,
      only_parsed<lro::ListOperationsRequest>,
      only_parsed<lro::GetOperationRequest>,
      only_parsed<lro::CancelOperationRequest>,
      only_parsed<lro::DeleteOperationRequest>,
      only_parsed<lro::WaitOperationRequest>,
      only_parsed<google::devtools::build::v1::PublishLifecycleEventRequest>,
      only_parsed<google::devtools::build::v1::PublishBuildToolEventStreamRequest>,
      only_parsed<grpc::health::v1::HealthCheckRequest>,
      only_parsed<grpc::reflection::v1alpha::ServerReflectionRequest>,
      [](auto text, auto piece) { worker_said(text, piece, decode_worker_words); },
      [](auto text, auto piece) { worker_said(text, piece, decode_scheduler_words); },
      fault_told,
      times_told,
  };
  return all;
}

}  // namespace

// First byte: which RPC. Second: how large the pieces are in which the request comes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto text = text_of(data, size);
  const auto which = take_choice(text);
  const auto piece = take_choice(text) % 32;
  attempts()[which % attempts().size()](text, piece);
  return 0;
}
