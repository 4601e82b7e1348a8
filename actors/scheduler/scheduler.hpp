#pragma once

#include <caf/actor_system.hpp>

#include "actors/scheduler/scheduler_options.hpp"
#include "core/contract/scheduler_messages.hpp"
#include "core/contract/store.hpp"
#include "core/digest/record_key.hpp"
#include "core/plugin/environment.hpp"

namespace kiln {

/// Brings actions and workers together. Results that may be kept are written to `results` (a store of
/// results; null: nowhere) before anybody hears that the action is done, and so is the text of what became of
/// its attempts, where that is worth reading, to `content` (null: nowhere): the scheduler's only contact with
/// stores.
scheduler_actor spawn_scheduler(caf::actor_system& system, const environment& env, scheduler_options options,
                                store_actor results, record_names names = record_names(),
                                store_actor content = store_actor());

}  // namespace kiln
