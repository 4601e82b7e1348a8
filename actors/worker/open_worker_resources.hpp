#pragma once

#include <caf/fwd.hpp>

#include "actors/worker/worker.hpp"
#include "actors/worker/worker_resources.hpp"

namespace kiln {

/// What a worker takes of its machine alone: its work folder, the launcher, users, sandbox and kept trees.
/// Nothing is said to any actor. Blocks, some seconds at most. FAILED_PRECONDITION if another worker has that
/// folder.
expected<std::shared_ptr<worker_resources>> open_own_resources(const worker_options& options,
                                                               const environment& env, std::uint32_t slots);

/// The same, with the input cache and who lends kept trees.
expected<worker_resources_ptr> open_worker_resources(caf::actor_system& system, const worker_options& options,
                                                     const worker_context& context,
                                                     const worker_profile& profile);

}  // namespace kiln
