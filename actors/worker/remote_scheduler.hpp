#pragma once

#include <caf/fwd.hpp>
#include <memory>

#include "core/contract/scheduler_messages.hpp"
#include "core/contract/store.hpp"
#include "core/contract/transport.hpp"
#include "core/plugin/environment.hpp"
#include "core/wire/bearer_token.hpp"

namespace kiln {

/// A scheduler on another machine, for a worker on this one: speaks kiln.worker.v1.Workers/Connect through
/// `way`, and shows the token. To register opens a session; one worker at a time.
///
/// When a session breaks, or the scheduler stays silent for several of its heartbeat intervals, while the
/// worker has actions, it is opened anew for as long as the scheduler waits, and the worker hears nothing of
/// it: what it reports meanwhile is kept, and so is what the scheduler may not have heard before. Only when
/// that is in vain, or there is nothing to come back to, is the worker dismissed as given up: it stops what
/// it runs, and registers again in its own time.
///
/// The scheduler may ask for proof that `cache`, the worker's, is the one that its own clients use; a worker
/// with another could only fail what it is given. Null: the worker cannot prove it.
worker_registry spawn_remote_scheduler(caf::actor_system& system, const environment& env,
                                       std::shared_ptr<channel> way, bearer_token token,
                                       store_actor cache = store_actor());

}  // namespace kiln
