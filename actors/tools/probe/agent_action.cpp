#include "actors/tools/probe/agent_action.hpp"

#include <google/longrunning/operations.pb.h>

#include "actors/tools/probe/agent_image.hpp"

namespace kiln::probing {
namespace {

namespace v2 = conform::v2;

constexpr const char* agent_name = "kiln-probe-agent";
constexpr std::int64_t action_seconds = 120;

conform::blob stored(conform::probe& ask, std::string data) {
  auto made = conform::blob_of(std::move(data), ask.server().main_function());
  if (ask.is_missing(made)) ask.store(made);
  return made;
}

void add_file(v2::Directory& to, const std::string& name, const conform::blob& content, bool is_executable) {
  auto* file = to.add_files();
  file->set_name(name);
  *file->mutable_digest() = content.digest;
  file->set_is_executable(is_executable);
}

// The whole output, in the result or beside it.
std::string output_of(conform::probe& ask, const std::string& raw, const v2::Digest& digest) {
  if (!raw.empty() || digest.size_bytes() == 0) return raw;
  conform::blob kept;
  kept.digest = digest;
  kept.function = ask.server().main_function();
  auto got = ask.read(ask.read_name(kept));
  ask.expect(got, errc::ok);
  return conform::data_of(got);
}

v2::ExecuteResponse finished(conform::probe& ask,
                             const conform::answer<google::longrunning::Operation>& got) {
  if (got.silent)
    ask.fail("an end of the action",
             "none so far; is there a worker that offers the platform? (--platform NAME=VALUE says which is "
             "wanted)");
  ask.expect(got, errc::ok);
  v2::ExecuteResponse response;
  ask.check(!got.messages.empty() && got.messages.back().done() &&
                got.messages.back().response().UnpackTo(&response),
            "a last operation that is done and holds an ExecuteResponse");
  if (response.status().code() != 0)
    ask.fail("an action that runs", fmt::format("{}: {}", name_of(conform::code_of(response.status())),
                                                response.status().message()));
  return response;
}

}  // namespace

// The names are those of agent/leaving.hpp. Entries stand in the order that the protocol demands.
agent_action::agent_action(conform::probe& ask, std::string token) : ask_(&ask), token_(std::move(token)) {
  auto input = [&](const std::string& path) { return stored(ask, fmt::format("{} of {}\n", path, token_)); };
  v2::Directory folder;
  add_file(folder, "deep.txt", input("folder/deep.txt"), false);
  add_file(folder, "other.txt", input("folder/other.txt"), false);
  v2::Directory root;
  add_file(root, "input.sh", input("input.sh"), true);
  add_file(root, "input.txt", input("input.txt"), false);
  add_file(root, agent_name, stored(ask, std::string(agent_image())), true);
  auto* below = root.add_directories();
  below->set_name("folder");
  *below->mutable_digest() = stored(ask, folder.SerializeAsString()).digest;
  input_root_ = stored(ask, root.SerializeAsString()).digest;
}

agent_answer agent_action::run(const std::vector<std::string>& words) {
  v2::Command command;
  command.add_arguments(fmt::format("./{}", agent_name));
  for (const auto& word : words) command.add_arguments(word);
  auto* variable = command.add_environment_variables();
  variable->set_name("KILN_PROBE");
  variable->set_value("1");
  for (const auto& [name, value] : ask_->server().platform) {
    auto* property = command.mutable_platform()->add_properties();
    property->set_name(name);
    property->set_value(value);
  }
  v2::Action action;
  if (command.has_platform()) *action.mutable_platform() = command.platform();
  action.set_salt(ask_->fresh_bytes(16));
  action.set_do_not_cache(true);
  action.mutable_timeout()->set_seconds(action_seconds);
  *action.mutable_command_digest() = stored(*ask_, command.SerializeAsString()).digest;
  *action.mutable_input_root_digest() = input_root_;
  auto request = ask_->request<v2::ExecuteRequest>();
  *request.mutable_action_digest() = stored(*ask_, action.SerializeAsString()).digest;
  request.set_skip_cache_lookup(true);
  auto got = ask_->ask<google::longrunning::Operation>(conform::probe::reapi("Execution/Execute"), request);
  const auto response = finished(*ask_, got);
  const auto& result = response.result();
  if (result.exit_code() != 0) {
    auto said = output_of(*ask_, result.stderr_raw(), result.stderr_digest());
    ask_->fail("an agent that ends with exit code 0",
               fmt::format("{}; does the worker run {} programs? {}", result.exit_code(), agent_machine(),
                           said.substr(0, 300)));
  }
  return {output_of(*ask_, result.stdout_raw(), result.stdout_digest()),
          result.execution_metadata().worker()};
}

}  // namespace kiln::probing
