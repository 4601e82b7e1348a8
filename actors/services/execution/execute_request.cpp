#include "actors/services/execution/execute_request.hpp"

#include <algorithm>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/merkle/paths.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "core/wire/message_limits.hpp"
#include "core/wire/node_properties.hpp"
#include "core/wire/resource_name.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

namespace v2 = build::bazel::remote::execution::v2;

platform_properties properties_of(const v2::Platform& platform) {
  platform_properties result;
  for (const auto& property : platform.properties()) result.emplace_back(property.name(), property.value());
  std::sort(result.begin(), result.end());
  return result;
}

expected<duration> timeout_of(const v2::Action& action) {
  const auto& wanted = action.timeout();
  // The bounds of google.protobuf.Duration are ten thousand years; a nanosecond count ends at 292.
  constexpr std::int64_t longest = 9'000'000'000;
  if (wanted.seconds() < 0 || wanted.nanos() < 0 || wanted.nanos() > 999'999'999 ||
      wanted.seconds() > longest)
    return fail(errc::invalid_argument, "the action's timeout of {} s and {} ns is none", wanted.seconds(),
                wanted.nanos());
  return std::chrono::seconds(wanted.seconds()) + std::chrono::nanoseconds(wanted.nanos());
}

/// The whole working directory, as some clients ask for, is written as the empty path.
enum class empty_path : bool { refused, allowed };

expected<void> check_outputs(const google::protobuf::RepeatedPtrField<std::string>& paths,
                             const std::string& folder, empty_path empty) {
  for (const auto& path : paths) {
    auto meant = resolve_path(folder, path);
    if (!meant) return with_context(meant.error(), "output path \"{}\" of the command", escaped(path));
    // Only a folder is where the command runs.
    if (empty == empty_path::refused && (path.empty() || *meant == folder))
      return fail(errc::invalid_argument, "output path \"{}\" of the command is no file's", escaped(path));
  }
  return {};
}

expected<void> check_all_outputs(const v2::Command& command, const std::string& folder) {
  // The older fields do not count where the newer one is used.
  if (command.output_paths_size() > 0)
    return check_outputs(command.output_paths(), folder, empty_path::allowed);
  if (auto fine = check_outputs(command.output_files(), folder, empty_path::refused); !fine) return fine;
  return check_outputs(command.output_directories(), folder, empty_path::allowed);
}

expected<void> check_environment(const v2::Command& command) {
  for (const auto& variable : command.environment_variables())
    if (variable.name().empty() ||
        variable.name().find_first_of(std::string_view("=\0", 2)) != std::string::npos ||
        variable.value().find('\0') != std::string::npos)
      return fail(errc::invalid_argument, "environment variable \"{}\" of the command cannot be set",
                  escaped(variable.name()));
  return {};
}

}  // namespace

expected<execute_request> parse_execute_request(const byte_chain& message) {
  auto request = parse<v2::ExecuteRequest>(message);
  if (!request) return fail(request.error());
  if (auto fine = check_instance_name(request->instance_name()); !fine) return fail(fine.error());
  auto function = resolve_function(request->digest_function(), request->action_digest().hash().size());
  if (!function) return fail(function.error());
  auto action = from_wire(request->action_digest(), *function);
  if (!action) return with_context(action.error(), "action_digest");
  if (auto fine = check_size(largest::action, *action); !fine)
    return with_context(fine.error(), "action_digest");
  return execute_request{request->instance_name(), *action, request->execution_policy().priority(),
                         request->skip_cache_lookup()};
}

expected<action_content> parse_action(const bytes& blob, digest_function function) {
  auto action = parse<v2::Action>(blob);
  if (!action) return with_context(action.error(), "the action is none");
  auto command = from_wire(action->command_digest(), function);
  if (!command) return with_context(command.error(), "command_digest of the action");
  auto root = from_wire(action->input_root_digest(), function);
  if (!root) return with_context(root.error(), "input_root_digest of the action");
  auto timeout = timeout_of(*action);
  if (!timeout) return fail(timeout.error());
  if (auto fine = check_size(largest::platform, action->platform().ByteSizeLong()); !fine)
    return fail(fine.error());
  if (auto fine = check_size(largest::command, *command); !fine) return fail(fine.error());
  if (auto fine = check_size(largest::directory, *root); !fine) return fail(fine.error());
  return action_content{*command,
                        *root,
                        *timeout,
                        action->do_not_cache(),
                        action->has_platform(),
                        properties_of(action->platform())};
}

expected<command_content> parse_command(const bytes& blob) {
  auto command = parse<v2::Command>(blob);
  if (!command) return with_context(command.error(), "the command is none");
  if (command->arguments().empty())
    return fail(errc::invalid_argument, "the command has no arguments, not even a program");
  for (const auto& argument : command->arguments())
    if (argument.find('\0') != std::string::npos)
      return fail(errc::invalid_argument, "an argument of the command holds a NUL character");
  auto folder = resolve_path("", command->working_directory());
  if (!folder) return with_context(folder.error(), "working_directory of the command");
  if (auto fine = check_all_outputs(*command, *folder); !fine) return fail(fine.error());
  if (auto fine = check_environment(*command); !fine) return fail(fine.error());
  if (auto fine = check_size(largest::platform, command->platform().ByteSizeLong()); !fine)
    return fail(fine.error());
  if (auto known = wanted_properties_of(*command); !known) return fail(known.error());
  return command_content{properties_of(command->platform()), std::move(*folder)};
}

}  // namespace kiln
