#pragma once

#include "actors/worker/usual_properties.hpp"
#include "actors/worker/worker_options.hpp"
#include "core/base/random.hpp"
#include "core/contract/worker_messages.hpp"

namespace kiln {

/// What a worker with these options on this machine says of itself, once for the life of its process.
worker_profile profile_of(const worker_options& options, const own_machine& machine, random_source& random);

/// The same, of what is known when its actions could run. Properties that the options name stay as they are.
void complete(worker_profile& profile, const worker_options& options, bool sandboxed);

}  // namespace kiln
