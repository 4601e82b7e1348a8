#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/worker/command/command_plan.hpp"
#include "actors/worker/inputs/input_tree.hpp"
#include "actors/worker/persistent/work_protocol.hpp"
#include "core/base/disk.hpp"
#include "core/base/error.hpp"
#include "core/contract/action.hpp"

namespace kiln {

/// What an action says of the tool that its command starts, by its platform's properties: those that Bazel
/// sends, and those of rules that say more.
struct tool_traits {
  work_protocol protocol = work_protocol::proto;
  bool multiplex = false;  ///< it takes several requests at a time, each in a folder of its own
  bool cancels = false;    ///< it can be told that a request is not wanted any more
};

/// An action as a request to a tool that may live on: a persistent worker, as Bazel has them.
struct tool_call {
  tool_traits traits;
  digest key;                          ///< equal keys, equal tools
  std::vector<std::string> tool;       ///< its arguments when it is started
  std::vector<std::string> arguments;  ///< of the request
  std::shared_ptr<input_tree> inputs;  ///< of both
  std::uint64_t tool_bytes = 0;        ///< of its own inputs
};

/// Whether it is one at all, as far as the command and the platform tell: it has a key for its tool, and its
/// last arguments are flag files. Nothing for a protocol that is not known: then it is run as it stands.
std::optional<tool_traits> tool_traits_of(const platform_properties& platform, const command_plan& plan);

/// The call, once the inputs are here. Null if it has to be run as it stands: no input is marked as the
/// tool's, there are too many, a flag file is no input or too large, or the inputs have something in the
/// place that Kiln needs. Blocks.
expected<std::shared_ptr<const tool_call>> read_tool_call(disk& on, const tool_traits& traits,
                                                          const action_spec& action, const command_plan& plan,
                                                          std::shared_ptr<input_tree> inputs);

/// Where a tool that takes several requests at a time has a folder for each, beside its own inputs.
inline constexpr char sandboxes[] = "__sandbox";

}  // namespace kiln
