#pragma once

#include <memory>
#include <string>

#include "actors/worker/folders/work_root.hpp"
#include "actors/worker/worker_options.hpp"
#include "core/base/process_launcher.hpp"

namespace kiln {

class logger;

/// The sandbox in which all actions of a worker run; null where they see the machine. Tries it with a command
/// that is none, in a folder of `root`, and says in the log which it is and why. FAILED_PRECONDITION where
/// the level that is wanted cannot be had. Where null is the best that can be had, `why_not` is what the
/// machine refuses, if it is given. Blocks, some seconds at most.
expected<std::shared_ptr<const process_sandbox>> find_sandbox(const sandbox_options& wanted,
                                                              process_launcher& launcher, work_root& root,
                                                              logger* log, error* why_not = nullptr);

/// Whether a union can be made in it: tried with one over a sample (tree_shelf::make_sample).
/// UNAVAILABLE or RESOURCE_EXHAUSTED for what may pass; else the error says what the machine refuses. Blocks,
/// as above.
expected<void> try_union(const process_sandbox& sandbox, std::shared_ptr<const process_union> sample,
                         process_launcher& launcher, work_root& root);

}  // namespace kiln
