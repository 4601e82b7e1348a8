#include <limits>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "google/bytestream/bytestream.pb.h"
#include "google/longrunning/operations.pb.h"
#include "test/actors/system/simulation.hpp"

/// What clients are told in a simulated life, and what must not be.
namespace kiln::test {

using namespace std::chrono_literals;
namespace v2 = build::bazel::remote::execution::v2;

void simulation::note_answers() {
  auto take_ended = [this](auto& all) {
    std::erase_if(all, [this](const auto& one) {
      if (!one.call->end()) return false;
      note(one);
      return true;
    });
  };
  take_ended(uploads_);
  take_ended(downloads_);
  std::erase_if(executions_, [this](auto& one) { return go_on(one); });
}

void simulation::note(const upload& one) {
  if (!one.call->end()->ok()) return;
  if (one.in_batch) {
    auto answer = parse<v2::BatchUpdateBlobsResponse>(byte_chain(one.call->messages().at(0)));
    if (!answer || answer->responses_size() != 1) return breach("a batch has no answer");
    if (answer->responses(0).status().code() != 0) return;
  }
  tell("acknowledged", one.blob.to_string());
  kept_[one.blob] = one.content;
}

void simulation::note(const download& one) {
  if (!one.call->end()->ok()) return;
  tell("reads that went well");
  std::string all;
  for (const auto& message : one.call->messages()) {
    auto piece = parse<google::bytestream::ReadResponse>(byte_chain(message));
    if (!piece) return breach("a read has an answer that is none");
    all += piece->data();
  }
  if (all != known_.at(one.blob)) breach(fmt::format("blob {} was read with wrong bytes", one.blob));
}

/// True when it is over.
bool simulation::go_on(execution& one) {
  if (!one.call) {
    if (!one.preparing->end()) return false;
    if (!one.preparing->end()->ok()) {
      tell("executions that were not asked for", one.preparing->end()->to_string());
      return true;
    }
    auto answer = parse<v2::BatchUpdateBlobsResponse>(byte_chain(one.preparing->messages().at(0)));
    for (const auto& each : answer->responses())
      if (each.status().code() != 0) {
        tell("executions that were not asked for", each.status().message());
        return true;
      }
    v2::ExecuteRequest request;
    to_wire(one.action, request.mutable_action_digest());
    one.call = kiln_.begin("/build.bazel.remote.execution.v2.Execution/Execute", request);
  }
  if (!one.call->end()) return false;
  note(one);
  return true;
}

void simulation::note(const execution& one) {
  if (!one.call->end()->ok()) return tell("executions cut off", one.call->end()->to_string());
  auto last = parse<google::longrunning::Operation>(byte_chain(one.call->messages().back()));
  v2::ExecuteResponse response;
  if (!last || !last->done() || !last->response().UnpackTo(&response))
    return breach(one.word + " ended without its end");
  if (response.status().code() != 0)
    return tell("executions that failed", one.word + ": " + response.status().message());
  tell("executions that went well");
  const auto& script = scripts_.at(one.word);
  const auto& result = response.result();
  if (result.exit_code() != (script.signal != 0 ? 128 + script.signal : script.exit_code))
    breach(fmt::format("{} has exit code {}", one.word, result.exit_code()));
  if (result.output_files_size() != 1) return breach(one.word + " has not its one output");
  auto out = from_wire(result.output_files(0).digest(), digest_function::sha256);
  if (!out || *out != digest_of(made_by(one.word))) return breach(one.word + " has another output");
  kept_[*out] = made_by(one.word);
}

void simulation::come_to_an_end() {
  end_faults();
  files_.longest_write = std::numeric_limits<std::size_t>::max();
  files_.lies_about_syncs = false;
  for (int second = 0; second < 200; ++second) {
    note_answers();
    if (uploads_.empty() && downloads_.empty() && executions_.empty()) break;
    kiln_.pass(1s);
  }
  for (const auto& open : kiln_.open_calls()) breach(open->info().method + " does not end");
  check_slots();
  // What the disk could not read for a moment may be out of the index until the next start.
  check_what_was_acknowledged(false);
  restart();
  check_what_was_acknowledged(trusted_);
  check_nothing_is_left();
}

/// Plain actions, which begin now.
void simulation::execute_plainly(int actions) {
  for (int i = 0; i < actions; ++i) {
    scripted_process script;
    script.takes = 2s;
    executions_.push_back(prepare(std::move(script), false));
  }
  kiln_.pass(100ms);
  note_answers();
  kiln_.pass(1s);
}

void simulation::await_executions(int well) {
  const auto wanted = counts_["executions that went well"] + well;
  for (int second = 0; second < 60 && !executions_.empty(); ++second) {
    kiln_.pass(1s);
    note_answers();
  }
  if (counts_["executions that went well"] != wanted) breach("a plain action does not end well");
}

void simulation::check_slots() {
  kiln_.pass(31s);  // a worker that failed much is set aside for a while
  execute_plainly(1);
  await_executions(1);
  execute_plainly(2);
  if (launcher_.running() != 2)
    breach(fmt::format("{} actions run where 2 slots should be free", launcher_.running()));
  await_executions(2);
}

void simulation::check_what_was_acknowledged(bool all_is_there) {
  for (const auto& [blob, content] : kept_) {
    auto found = kiln_.download(blob);
    if (found && *found != content) breach(fmt::format("blob {} has wrong bytes", blob));
    if (!found && all_is_there)
      breach(fmt::format("blob {} was acknowledged and is gone: {}", blob, found.error().to_string()));
  }
}

void simulation::check_nothing_is_left() {
  auto drain = kiln_.begin_drain();
  for (int second = 0; second < 60 && !*drain; ++second) kiln_.pass(1s);
  if (!*drain) breach("a drain does not end");
  kiln_.end(0);
  kiln_.pass(1s);
  kiln_.system().forget_timers();
  if (launcher_.running() != 0) breach(fmt::format("{} processes are left", launcher_.running()));
  for (const auto& path : medium_.open_paths()) breach("left open: " + path);
  for (const char* folder : {"/kiln/run/actions", "/kiln/run/blobs", "/kiln/run/old", "/kiln/blobs/temp",
                             "/kiln/blobs/trash", "/kiln/results/temp", "/kiln/results/trash"})
    for (const auto& file : medium_.files_below(folder)) breach("left behind: " + file);
}

}  // namespace kiln::test
