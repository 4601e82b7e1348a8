#include <algorithm>

#include "actors/tools/conform/rules/worker_rules.hpp"

namespace kiln::conform {
namespace {

using operation = google::longrunning::Operation;

void expect_refusal(probe& ask, const answer<operation>& got, std::initializer_list<errc> any_of) {
  if (!got.ok()) {
    ask.expect(got, any_of);
    return;
  }
  auto code = code_of(response_of(ask, got).status());
  ask.check(std::find(any_of.begin(), any_of.end(), code) != any_of.end(),
            fmt::format("{}{}, by the call or in its response", name_of(*any_of.begin()),
                        any_of.size() > 1 ? " (or the like)" : ""));
}

}  // namespace

v2::Command command_of(std::initializer_list<std::string> arguments) {
  v2::Command made;
  for (const auto& one : arguments) made.add_arguments(one);
  return made;
}

v2::Command shell(const std::string& script) {
  return command_of({"/bin/sh", "-c", script});
}

void add_file(v2::Directory& to, const std::string& name, const blob& content, bool is_executable) {
  auto* file = to.add_files();
  file->set_name(name);
  *file->mutable_digest() = content.digest;
  file->set_is_executable(is_executable);
}

void add_folder(v2::Directory& to, const std::string& name, const blob& folder) {
  auto* made = to.add_directories();
  made->set_name(name);
  *made->mutable_digest() = folder.digest;
}

void add_link(v2::Directory& to, const std::string& name, const std::string& target) {
  auto* link = to.add_symlinks();
  link->set_name(name);
  link->set_target(target);
}

blob action_with(probe& ask, v2::Command command, const v2::Directory& root) {
  v2::Action action;
  for (const auto& [name, value] : ask.server().platform) {
    auto* property = command.mutable_platform()->add_properties();
    property->set_name(name);
    property->set_value(value);
  }
  if (command.has_platform()) *action.mutable_platform() = command.platform();
  action.set_salt(ask.fresh_bytes(16));
  auto function = ask.server().main_function();
  auto stored_command = blob_of(command.SerializeAsString(), function);
  auto stored_root = blob_of(root.SerializeAsString(), function);
  *action.mutable_command_digest() = stored_command.digest;
  *action.mutable_input_root_digest() = stored_root.digest;
  auto made = blob_of(action.SerializeAsString(), function);
  ask.store({stored_command, stored_root, made});
  return made;
}

v2::ActionResult ran(probe& ask, const blob& action) {
  auto response = response_of(ask, execute(ask, action));
  ask.check(response.status().code() == 0, "an action that was run");
  return response.result();
}

v2::ActionResult succeeded(probe& ask, const blob& action) {
  auto result = ran(ask, action);
  ask.check(result.exit_code() == 0, "exit_code 0");
  return result;
}

void expect_refused(probe& ask, const blob& action, std::initializer_list<errc> any_of) {
  expect_refusal(ask, execute(ask, action), any_of);
}

void expect_all_refused(probe& ask, const std::vector<blob>& actions, std::initializer_list<errc> any_of) {
  std::vector<dialogue<v2::ExecuteRequest, operation>> calls;
  for (const auto& one : actions) {
    auto request = ask.request<v2::ExecuteRequest>();
    *request.mutable_action_digest() = one.digest;
    calls.push_back(ask.open<v2::ExecuteRequest, operation>(probe::reapi("Execution/Execute")));
    calls.back().send(request);
    calls.back().half_close();
  }
  for (auto& one : calls) expect_refusal(ask, one.rest(), any_of);
}

std::string content_of(probe& ask, const v2::Digest& digest) {
  blob named{{}, digest, ask.server().main_function()};
  auto got = ask.read(ask.read_name(named));
  ask.ok(got);
  return data_of(got);
}

std::string said_by(probe& ask, const v2::ActionResult& result) {
  if (!result.stdout_raw().empty() || result.stdout_digest().size_bytes() == 0) return result.stdout_raw();
  return content_of(ask, result.stdout_digest());
}

v2::Tree tree_of(probe& ask, const v2::ActionResult& result) {
  ask.check(result.output_directories_size() == 1 && result.output_directories(0).has_tree_digest(),
            "one output directory with its tree_digest");
  v2::Tree tree;
  if (!tree.ParseFromString(content_of(ask, result.output_directories(0).tree_digest())))
    ask.fail("a Tree under tree_digest", "something else");
  return tree;
}

}  // namespace kiln::conform
