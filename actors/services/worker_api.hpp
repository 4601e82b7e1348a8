#pragma once

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

#include "actors/services/rpc.hpp"
#include "core/contract/scheduler.hpp"
#include "core/plugin/environment.hpp"

/// kiln.worker.v1.Workers: the door for workers on other machines. Each connection gets a session of its own,
/// which is a worker in the scheduler's eyes.
namespace kiln {

struct connect_worker_call : inbound {};

using worker_api_actor = caf::typed_actor<caf::reacts_to<connect_worker_call>>;

worker_api_actor spawn_worker_api(caf::actor_system& system, const environment& env,
                                  scheduler_actor scheduler);
void add_routes(router& routes, const worker_api_actor& to);

}  // namespace kiln

KILN_MESSAGE(kiln::connect_worker_call)
