#pragma once

#include <caf/fwd.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <string>
#include <vector>

#include "actors/services/common/rpc.hpp"
#include "core/contract/lifecycle.hpp"
#include "core/plugin/environment.hpp"

/// grpc.health.v1: whether this server takes work. Not before the listeners are open, and not after the drain
/// has begun; and no service that is not available for now.
namespace kiln {

struct health_options {
  environment env;
  std::vector<std::string> services;  ///< full names; the empty name, the server as a whole, is always known
  std::size_t max_watchers = 1000;    ///< RESOURCE_EXHAUSTED beyond
};

struct check_health : inbound {};
struct watch_health : inbound {};
/// News of a watcher: the transport took its message, or it is gone.
struct health_told {
  std::uint64_t watcher = 0;
  bool gone = false;
};

/// -> serving_state of the server as a whole, for those who do not speak gRPC.
struct ask_serving {};
struct serving_state {
  bool serving = false;
};

using health_actor =
    serving_actor::extend<caf::replies_to<ask_serving>::with<serving_state>, caf::reacts_to<check_health>,
                          caf::reacts_to<watch_health>, caf::reacts_to<health_told>>;

health_actor spawn_health(caf::actor_system& system, health_options options);
void add_routes(router& routes, const health_actor& to);

}  // namespace kiln

KILN_MESSAGE(kiln::check_health)
KILN_MESSAGE(kiln::watch_health)
KILN_MESSAGE(kiln::health_told)
KILN_MESSAGE(kiln::ask_serving)
KILN_MESSAGE(kiln::serving_state)
