#include <functional>
#include <vector>

#include "actors/services/asset_request.hpp"
#include "actors/services/page_token.hpp"
#include "actors/services/result_rules.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/message.hpp"
#include "core/wire/times.hpp"
#include "core/wire/worker_protocol.hpp"
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

void tree_asked(std::string_view text, std::size_t piece) {
  if (auto message = taken<v2::GetTreeRequest>(text, piece)) (void)position_in(message->page_token());
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
      only_parsed<v2::GetActionResultRequest>,
      result_kept,
      tree_asked,
      only_parsed<v2::SplitBlobRequest>,
      only_parsed<v2::SpliceBlobRequest>,
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
