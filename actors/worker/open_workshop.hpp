#pragma once

#include <caf/fwd.hpp>

#include "actors/worker/worker.hpp"
#include "actors/worker/workshop.hpp"

namespace kiln {

/// Takes the work folder over and starts the warden and the lender of inputs, so it blocks shortly.
/// FAILED_PRECONDITION if another worker has that folder.
expected<workshop_ptr> open_workshop(caf::actor_system& system, const worker_options& options,
                                     const worker_context& context, const worker_profile& profile);

}  // namespace kiln
