#pragma once

#include <caf/fwd.hpp>

#include "actors/worker/worker.hpp"
#include "actors/worker/worker_resources.hpp"

namespace kiln {

/// Takes the work folder over and starts the launcher and the input cache, so it blocks shortly.
/// FAILED_PRECONDITION if another worker has that folder.
expected<worker_resources_ptr> open_worker_resources(caf::actor_system& system, const worker_options& options,
                                                     const worker_context& context,
                                                     const worker_profile& profile);

}  // namespace kiln
