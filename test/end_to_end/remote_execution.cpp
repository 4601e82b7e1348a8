#include "test/end_to_end/remote_execution.hpp"

#include <google/longrunning/operations.pb.h>

#include "core/wire/digests.hpp"

namespace kiln::end_to_end {
namespace {

using namespace std::chrono_literals;

}  // namespace

expected<digest> upload_action(const remote& server, const std::string& script, const input_files& inputs) {
  v2::Directory root;
  std::vector<remote::blob> blobs;
  for (const auto& [name, content] : inputs) {
    blobs.emplace_back(digest_of(content), content);
    auto* file = root.add_files();
    file->set_name(name);
    to_wire(blobs.back().first, file->mutable_digest());
  }
  v2::Command command;
  for (const auto& word : {std::string("/bin/sh"), std::string("-c"), script}) command.add_arguments(word);
  command.add_output_paths("out");
  return upload_action(server, command, root, std::move(blobs));
}

expected<digest> upload_action(const remote& server, const v2::Command& command, const v2::Directory& root,
                               std::vector<remote::blob> blobs, v2::Action action) {
  auto command_bytes = command.SerializeAsString();
  auto root_bytes = root.SerializeAsString();
  to_wire(digest_of(command_bytes), action.mutable_command_digest());
  to_wire(digest_of(root_bytes), action.mutable_input_root_digest());
  auto action_bytes = action.SerializeAsString();
  for (auto& content : {command_bytes, root_bytes, action_bytes})
    blobs.emplace_back(digest_of(content), content);
  auto uploaded = server.update_blobs(blobs);
  if (!uploaded) return failure(uploaded.error());
  for (const auto& one : *uploaded)
    if (!one.ok()) return failure(one);
  return digest_of(action_bytes);
}

running_execution::running_execution(const remote& server, const digest& action) {
  v2::ExecuteRequest request;
  to_wire(action, request.mutable_action_digest());
  server.client().follow(
      reapi("Execution/Execute"), request,
      [state = state_](byte_chain message) {
        auto operation = parse<google::longrunning::Operation>(message);
        if (!operation) return;
        v2::ExecuteOperationMetadata metadata;
        operation->metadata().UnpackTo(&metadata);
        v2::ExecuteResponse response;
        bool done = operation->done() && operation->response().UnpackTo(&response);
        std::lock_guard lock(state->mutex);
        state->now = static_cast<stage>(metadata.stage());
        state->stdout_name = metadata.stdout_stream_name();
        if (done) state->response = std::move(response);
        state->changed.notify_all();
      },
      [state = state_](expected<void> ended) {
        std::lock_guard lock(state->mutex);
        state->ended = std::move(ended);
        state->changed.notify_all();
      });
}

bool running_execution::reaches(stage wanted) {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait_for(lock, 60s, [&] { return state_->now >= wanted || state_->ended; });
  return state_->now >= wanted;
}

std::string running_execution::stdout_name() {
  std::lock_guard lock(state_->mutex);
  return state_->stdout_name;
}

expected<v2::ExecuteResponse> running_execution::wait() {
  std::unique_lock lock(state_->mutex);
  if (!state_->changed.wait_for(lock, 120s, [&] { return state_->ended.has_value(); }))
    return fail(errc::deadline_exceeded, "the execution does not end");
  if (!*state_->ended) return failure(state_->ended->error());
  if (!state_->response) return fail(errc::internal, "the execution ended without a response");
  return *state_->response;
}

}  // namespace kiln::end_to_end
