#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/process_launcher.hpp"
#include "core/contract/action.hpp"
#include "core/wire/node_properties.hpp"

namespace build::bazel::remote::execution::v2 {
class Command;
}

namespace kiln {

struct worker_options;

/// What a declared output has to be. Old clients say so; new ones take what they find.
enum class output_kind : std::uint8_t { any, file, folder };

struct declared_output {
  std::string path;   ///< relative to the working directory, as the client wrote it
  std::string where;  ///< the same from the input root, and plain; empty for that itself
  output_kind kind = output_kind::any;
};

enum class folder_format : std::uint8_t { tree, directories, both };

/// A Command checked and made ready to run.
struct command_plan : process_plan {
  std::string working_directory;         ///< relative to the input root, empty for that itself
  std::vector<declared_output> outputs;  ///< in the order declared, each path and kind once
  bool old_outputs = false;              ///< declared by output_files and output_directories
  folder_format format = folder_format::tree;
  bool at_root = false;          ///< in a sandbox: the input root is /, and all that there is
  wanted_properties properties;  ///< to be told of outputs
  duration timeout{0};
};

/// INVALID_ARGUMENT, naming what is wrong, for a command that no worker should run: without arguments, with
/// paths that are not relative and plain, with a timeout beyond the worker's, or with unknown node
/// properties.
expected<command_plan> plan_command(const build::bazel::remote::execution::v2::Command& command,
                                    duration timeout, const worker_options& options);

/// `path` below `folder`; either may be empty.
std::string join_path(const std::string& folder, const std::string& path);

/// The folder that `path` lies in, empty at the top.
std::string parent_path(const std::string& path);

}  // namespace kiln
