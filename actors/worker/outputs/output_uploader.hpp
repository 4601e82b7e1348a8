#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "actors/worker/outputs/output_collector.hpp"
#include "actors/worker/running_action.hpp"

namespace kiln {

/// Writes to the store what it does not have yet: small blobs in batches, large ones as streams read by the
/// thread pool. `then` is called once, in the actor, when all of it is there. Setting `stop` ends the
/// streams.
void upload_outputs(action_self* self, const worker_resources_ptr& resources, blob_table blobs,
                    std::shared_ptr<const std::atomic<bool>> stop, std::function<void(expected<void>)> then);

}  // namespace kiln
