#pragma once

#include <cstdint>
#include <memory>

#include "actors/tools/run/remote_blobs.hpp"
#include "actors/worker/command/command_plan.hpp"
#include "actors/worker/folders/work_root.hpp"
#include "actors/worker/inputs/input_tree.hpp"
#include "actors/worker/worker_options.hpp"
#include "core/contract/action.hpp"

namespace kiln::rehearsal {

/// An action as a worker takes it.
struct fetched_action {
  command_plan plan;
  platform_properties platform;
  std::shared_ptr<input_tree> inputs;  ///< its files are not there yet
};

/// What a server has of an action, but for its input files. Each error names what is missing or wrong, and
/// what to do. Blocks.
expected<fetched_action> fetch_action(remote_blobs& from, const digest& which, const worker_options& options);

/// The files of its inputs, into the work folder. Blocks.
expected<void> fetch_files(remote_blobs& from, input_tree& inputs, const std::shared_ptr<work_root>& root,
                           const std::shared_ptr<thread_pool>& pool);

}  // namespace kiln::rehearsal
