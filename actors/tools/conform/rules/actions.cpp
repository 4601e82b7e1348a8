#include "actors/tools/conform/rules/actions.hpp"

namespace kiln::conform {

namespace {

// What must be stored for it goes to `parts`.
v2::Action made_action(probe& ask, const std::string& script, std::vector<blob>& parts) {
  v2::Command command;
  for (const auto& word : {std::string("/bin/sh"), std::string("-c"), script}) command.add_arguments(word);
  for (const auto& [name, value] : ask.server().platform) {
    auto* property = command.mutable_platform()->add_properties();
    property->set_name(name);
    property->set_value(value);
  }
  v2::Action action;
  if (command.has_platform()) *action.mutable_platform() = command.platform();
  action.set_salt(ask.fresh_bytes(16));
  auto add = [&](const auto& message) {
    parts.push_back(blob_of(message.SerializeAsString(), ask.server().main_function()));
    return parts.back().digest;
  };
  *action.mutable_command_digest() = add(command);
  *action.mutable_input_root_digest() = add(v2::Directory());
  return action;
}

}  // namespace

v2::Action action_of(probe& ask, const std::string& script) {
  std::vector<blob> parts;
  auto made = made_action(ask, script, parts);
  ask.store(parts);
  return made;
}

blob stored_action(probe& ask, const std::string& script) {
  std::vector<blob> parts;
  auto made = made_action(ask, script, parts);
  parts.push_back(blob_of(made.SerializeAsString(), ask.server().main_function()));
  ask.store(parts);
  return parts.back();
}

answer<google::longrunning::Operation> execute(probe& ask, const blob& action, bool skip_cache_lookup) {
  auto request = ask.request<v2::ExecuteRequest>();
  *request.mutable_action_digest() = action.digest;
  request.set_skip_cache_lookup(skip_cache_lookup);
  return ask.ask<google::longrunning::Operation>(probe::reapi("Execution/Execute"), request);
}

v2::ExecuteResponse response_of(probe& ask, const answer<google::longrunning::Operation>& got) {
  ask.expect(got, errc::ok);
  v2::ExecuteResponse response;
  ask.check(!got.messages.empty() && got.messages.back().done() &&
                got.messages.back().response().UnpackTo(&response),
            "a last operation that is done and holds an ExecuteResponse");
  return response;
}

}  // namespace kiln::conform
