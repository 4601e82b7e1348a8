#pragma once

#include <future>
#include <memory>
#include <optional>
#include <string>

#include "actors/tools/run/interrupts.hpp"
#include "actors/worker/command/command_plan.hpp"
#include "actors/worker/folders/work_root.hpp"
#include "actors/worker/worker_resources.hpp"

namespace kiln::rehearsal {

/// What its platform asks for.
struct surroundings {
  bool network = false;          ///< the machine's
  bool at_root = false;          ///< its input root is its /
  platform_properties platform;  ///< all of it, for its limits
};

/// A command in its folder, which outlives this. Runs once. Blocks; a signal that wants an end ends the
/// command, whose end is then waited for.
class command_run {
public:
  command_run(const worker_resources& worker, const action_folder& folder, const command_plan& plan,
              const surroundings& wanted)
      : worker_(worker), folder_(folder), plan_(plan), wanted_(wanted) {}

  /// Without input. What it writes comes out of ours as it comes, by way of files: as on a worker, nobody
  /// looks at it in a terminal.
  expected<process_end> run(interrupts& signals);
  /// /bin/sh in its place, with our input and output; with a terminal of its own if ours are one. The command
  /// is printed before.
  expected<process_end> run_shell(interrupts& signals);
  /// Which limit it has met, as the end of a sentence; nothing if none.
  std::optional<std::string> met_limit() const { return group_ ? group_->met() : std::nullopt; }

private:
  struct streams {
    const descriptor* in = nullptr;
    const descriptor* out = nullptr;
    const descriptor* err = nullptr;
  };
  expected<void> start(const process_plan& what, const streams& with);
  bool over() const;
  expected<process_end> shell_in_terminal(const process_plan& shell, interrupts& signals);
  expected<process_end> shell_in_pipes(const process_plan& shell, interrupts& signals);

  const worker_resources& worker_;
  const action_folder& folder_;
  const command_plan& plan_;
  const surroundings wanted_;
  std::shared_ptr<const control_group> group_;
  running_process_ptr running_;
  std::future<expected<process_end>> end_;
};

/// As a shell takes it.
std::string as_command_line(const std::vector<std::string>& words);

}  // namespace kiln::rehearsal
