#include "actors/worker/command/command_plan.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "actors/worker/worker_options.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/config/units.hpp"
#include "core/merkle/paths.hpp"

namespace kiln {
namespace {

namespace v2 = build::bazel::remote::execution::v2;

bool has_nul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

/// Where a command of this name may be: as it is if it has a slash, else in the folders of PATH.
std::vector<std::string> paths_of(const std::string& name, std::string_view search) {
  if (name.find('/') != std::string::npos) return {name};
  std::vector<std::string> paths;
  for (;;) {
    auto colon = search.find(':');
    std::string folder(search.substr(0, colon));
    // An empty entry is the current folder, as ever.
    paths.push_back(folder.empty() ? name : folder + "/" + name);
    if (colon == std::string_view::npos) return paths;
    search.remove_prefix(colon + 1);
  }
}

expected<void> plan_environment(const v2::Command& command, const worker_options& options,
                                command_plan& plan) {
  std::string search = options.default_path;
  bool has_path = false;
  std::unordered_set<std::string_view> seen;
  for (const auto& variable : command.environment_variables()) {
    const auto& name = variable.name();
    if (name.empty() || name.find('=') != std::string::npos || has_nul(name) || has_nul(variable.value()))
      return fail(errc::invalid_argument, "an environment variable cannot be named or valued so: \"{}\"",
                  name.substr(0, name.find('\0')));
    if (!seen.insert(name).second)
      return fail(errc::invalid_argument, "environment variable {} is given twice", name);
    if (name == "PATH") {
      has_path = true;
      search = variable.value();
    }
    plan.environment.push_back(name + "=" + variable.value());
  }
  if (!has_path) plan.environment.push_back("PATH=" + search);
  plan.paths = paths_of(plan.arguments.front(), search);
  return {};
}

expected<void> plan_outputs(const v2::Command& command, command_plan& plan) {
  std::unordered_set<std::string> seen;
  auto add = [&](const std::string& path, output_kind kind) -> expected<void> {
    auto where = resolve_path(plan.working_directory, path);
    if (!where) return with_context(where.error(), "an output");
    // Only a folder can be named by nothing: it is the working directory then.
    if (kind == output_kind::file && *where == plan.working_directory)
      return fail(errc::invalid_argument, "an output that is to be a file is named \"{}\"", path);
    if (seen.insert(path + (kind == output_kind::folder ? "/" : "")).second)
      plan.outputs.push_back({path, std::move(*where), kind});
    return {};
  };
  auto add_all = [&](const auto& paths, output_kind kind) -> expected<void> {
    for (const auto& path : paths)
      if (auto added = add(path, kind); !added) return added;
    return {};
  };
  if (command.output_paths_size() > 0) return add_all(command.output_paths(), output_kind::any);
  plan.old_outputs = command.output_files_size() + command.output_directories_size() > 0;
  if (auto added = add_all(command.output_files(), output_kind::file); !added) return added;
  return add_all(command.output_directories(), output_kind::folder);
}

folder_format format_of(const v2::Command& command) {
  switch (command.output_directory_format()) {
    case v2::Command::DIRECTORY_ONLY:
      return folder_format::directories;
    case v2::Command::TREE_AND_DIRECTORY:
      return folder_format::both;
    default:
      return folder_format::tree;
  }
}

expected<duration> plan_timeout(duration asked, const worker_options& options) {
  if (asked < duration(0)) return fail(errc::invalid_argument, "the action's timeout is negative");
  if (asked == duration(0)) return options.max_timeout;
  if (asked > options.max_timeout)
    return fail(errc::invalid_argument,
                "the action's timeout is {}, and this worker allows {} at most (worker.max_timeout)",
                to_string(asked), to_string(options.max_timeout));
  return asked;
}

}  // namespace

expected<command_plan> plan_command(const v2::Command& command, duration timeout,
                                    const worker_options& options) {
  command_plan plan;
  auto allowed = plan_timeout(timeout, options);
  if (!allowed) return failure(std::move(allowed).error());
  plan.timeout = *allowed;

  if (command.arguments_size() == 0 || command.arguments(0).empty())
    return fail(errc::invalid_argument, "the command names nothing to run");
  for (const auto& argument : command.arguments()) {
    if (has_nul(argument)) return fail(errc::invalid_argument, "an argument of the command has a NUL in it");
    plan.arguments.push_back(argument);
  }
  auto folder = resolve_path("", command.working_directory());
  if (!folder) return with_context(folder.error(), "the working directory");
  plan.working_directory = std::move(*folder);
  auto properties = wanted_properties_of(command);
  if (!properties) return failure(std::move(properties).error());
  plan.properties = *properties;
  if (auto planned = plan_environment(command, options, plan); !planned)
    return failure(std::move(planned).error());
  if (auto planned = plan_outputs(command, plan); !planned) return failure(std::move(planned).error());
  plan.format = format_of(command);
  // A standard stream may grow beyond its limit as far as the next look at it; no file beyond all outputs.
  plan.largest_file = std::max(options.max_output_size.bytes, options.max_stream_size.bytes);
  return plan;
}

std::string join_path(const std::string& folder, const std::string& path) {
  if (folder.empty() || path.empty()) return folder + path;
  return folder + "/" + path;
}

std::string parent_path(const std::string& path) {
  auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

}  // namespace kiln
