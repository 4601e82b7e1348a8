#pragma once

#include <atomic>
#include <memory>

#include "actors/worker/command_plan.hpp"
#include "actors/worker/input_tree.hpp"
#include "actors/worker/output_collector.hpp"
#include "actors/worker/workshop.hpp"

namespace kiln {

/// What is to be done on the crew once a command's processes are gone: see whether it left its inputs alone,
/// then gather its outputs into `result`. ABORTED if it changed an input, for then neither its result nor the
/// cached file can be trusted, and the file is dropped from the cache. With `streams_only` it was stopped
/// half-way, and only what it has said is of interest.
expected<blob_table> collect_all(const workshop& shop, const command_plan& plan, const input_tree& inputs,
                                 const std::shared_ptr<action_folder>& folder, digest_function function,
                                 const std::atomic<bool>& stop, bool streams_only,
                                 build::bazel::remote::execution::v2::ActionResult& result);

/// Has the lender drop what is no longer as it was lent. ABORTED if that is more than a mode. Blocks.
expected<void> spoil_altered(const workshop& shop, const input_tree& inputs);

}  // namespace kiln
