#pragma once

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

#include "actors/services/common/rpc.hpp"
#include "core/contract/scheduler_messages.hpp"
#include "core/contract/store.hpp"
#include "core/plugin/environment.hpp"
#include "core/wire/bearer_token.hpp"

/// kiln.worker.v1.Workers: where workers on other machines join. Each connection gets a session of its own,
/// which is a worker in the scheduler's eyes. A worker is given what others build and believed what came of
/// it, so whoever does not show the token is UNAUTHENTICATED before a word of it is read.
namespace kiln {

struct connect_worker_call : inbound {};

using worker_api_actor = caf::typed_actor<caf::reacts_to<connect_worker_call>>;

/// Before a worker joins it finds a blob in its cache that was put into `content`, under a digest of
/// `function`: what cannot be read there cannot be run, and what is written elsewhere no client finds. With a
/// null `content` all are believed.
worker_api_actor spawn_worker_api(caf::actor_system& system, const environment& env,
                                  scheduler_actor scheduler, bearer_token token,
                                  store_actor content = store_actor(),
                                  digest_function function = digest_function::sha256);
void add_routes(router& routes, const worker_api_actor& to);

}  // namespace kiln

KILN_MESSAGE(kiln::connect_worker_call)
