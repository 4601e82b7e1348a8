#pragma once

#include <atomic>
#include <memory>

#include "actors/worker/command/command_plan.hpp"
#include "actors/worker/inputs/input_tree.hpp"
#include "actors/worker/outputs/output_collector.hpp"
#include "actors/worker/worker_resources.hpp"

namespace kiln {

/// What a command has left behind, to be uploaded.
struct collected {
  blob_table blobs;
  blob_table spoken;  ///< of them, the standard streams
  error fault;        ///< if not ok: why the action has not ended well, although this much of it is to be had
};

/// What is to be done on the thread pool once a command's processes are gone: see whether it left its inputs
/// alone (null: it could not reach them), then gather its outputs into `result`. FAILED_PRECONDITION if it
/// wrote to an input, for then its result is one of other inputs; ABORTED, and it is to run again, if that
/// may have been another action. With `streams_only` it was stopped half-way, and only what it has said is of
/// interest. What the action did wrong itself, too much of something or an output that is none, takes nothing
/// away from what was gathered up to there.
expected<collected> collect_all(const worker_resources& resources, const command_plan& plan,
                                const input_tree* inputs, const std::shared_ptr<action_folder>& folder,
                                digest_function function, const std::atomic<bool>& stop, bool streams_only,
                                build::bazel::remote::execution::v2::ActionResult& result);

/// What the command has said stays in it.
void leave_out_outputs(build::bazel::remote::execution::v2::ActionResult& result);

/// Has the cache look at what is not there any more: it was made to forget it. Blocks.
void recheck_gone(const worker_resources& resources, const input_tree& inputs);

/// Has the cache look at what is no longer as it was lent. An error, as above, if any bytes changed. Blocks.
expected<void> recheck_altered(const worker_resources& resources, const input_tree& inputs,
                               const std::atomic<bool>& stop);

}  // namespace kiln
