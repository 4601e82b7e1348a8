#pragma once

#include "core/base/error.hpp"

namespace build::bazel::remote::execution::v2 {
class Command;
class ExecutionCapabilities;
class NodeProperties;
}  // namespace build::bazel::remote::execution::v2

/// What else than its content may be told of a file, a folder or a link among the outputs of a command.
namespace kiln {

/// Which of it a command asks for.
struct wanted_properties {
  bool mtime = false;
  bool unix_mode = false;

  bool any() const noexcept { return mtime || unix_mode; }
};

/// INVALID_ARGUMENT for a name that is not known, as the protocol has it. It demands an order only so that
/// equal actions have equal digests; here neither the order nor a name that stands twice changes anything.
expected<wanted_properties> wanted_properties_of(const build::bazel::remote::execution::v2::Command& command);

/// Whether a client has marked an input as one of the tool, which may go on living for the next action. Bazel
/// does (--experimental_remote_mark_tool_inputs).
bool is_tool_input(const build::bazel::remote::execution::v2::NodeProperties& of) noexcept;

/// Announces the names that are known.
void announce_node_properties(build::bazel::remote::execution::v2::ExecutionCapabilities* into);

}  // namespace kiln
