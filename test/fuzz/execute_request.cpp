#include "actors/services/execution/execute_request.hpp"

#include <algorithm>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/merkle/paths.hpp"
#include "core/wire/message.hpp"
#include "core/wire/resource_name.hpp"
#include "test/fuzz/fuzz.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

namespace v2 = build::bazel::remote::execution::v2;

void check_action(const bytes& blob) {
  for (const auto& info : digest_functions()) {
    auto action = parse_action(blob, info.function);
    if (!action) continue;
    must(action->timeout >= duration::zero(), "no timeout is negative");
    must(action->command.function == info.function && action->input_root.function == info.function,
         "an action does not mix digest functions");
    must(std::is_sorted(action->platform.begin(), action->platform.end()), "properties are sorted");
  }
}

void check_command(const bytes& blob) {
  auto command = parse_command(blob);
  if (!command) return;
  must(command->working_directory.empty() || check_relative_path(command->working_directory).has_value(),
       "a working directory lies below the input root");
  auto said = parse<v2::Command>(blob);
  must(said && said->arguments_size() > 0, "a command has a program");
  for (const auto& path : said->output_paths())
    must(resolve_path(command->working_directory, path).has_value(), "an output lies below the input root");
  for (const auto& each : said->environment_variables())
    must(!each.name().empty() && each.name().find('=') == std::string::npos, "a variable can be set");
}

void check_request(const byte_chain& message) {
  auto request = parse_execute_request(message);
  if (!request) return;
  must(request->action.size >= 0, "an action has a size");
  must(check_instance_name(request->instance).has_value(), "an instance has a name that can be one");
}

}  // namespace

// Action, Command and ExecuteRequest: what is taken keeps what their checks promise.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto text = text_of(data, size);
  const auto choice = take_choice(text);
  if (choice % 3 == 0) check_action(bytes::copy_of(text));
  if (choice % 3 == 1) check_command(bytes::copy_of(text));
  if (choice % 3 == 2) check_request(in_pieces(text, choice / 3));
  return 0;
}
