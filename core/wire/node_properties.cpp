#include "core/wire/node_properties.hpp"

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

// The names of their fields in NodeProperties.
constexpr const char* mtime_name = "mtime";
constexpr const char* mode_name = "unix_mode";

// By which Bazel marks what belongs to a tool.
constexpr const char* tool_input_name = "bazel_tool_input";

}  // namespace

expected<wanted_properties> wanted_properties_of(
    const build::bazel::remote::execution::v2::Command& command) {
  wanted_properties wanted;
  for (const auto& name : command.output_node_properties()) {
    if (name == mtime_name)
      wanted.mtime = true;
    else if (name == mode_name)
      wanted.unix_mode = true;
    else
      return fail(errc::invalid_argument,
                  "the command asks for node property \"{}\" of its outputs, and {} and {} are known here",
                  escaped(name), mtime_name, mode_name);
  }
  return wanted;
}

bool is_tool_input(const build::bazel::remote::execution::v2::NodeProperties& of) noexcept {
  for (const auto& property : of.properties())
    if (property.name() == tool_input_name) return true;
  return false;
}

void announce_node_properties(build::bazel::remote::execution::v2::ExecutionCapabilities* into) {
  into->add_supported_node_properties(mtime_name);
  into->add_supported_node_properties(mode_name);
}

}  // namespace kiln
