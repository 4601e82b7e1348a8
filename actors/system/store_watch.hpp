#pragma once

#include <caf/actor.hpp>
#include <caf/fwd.hpp>
#include <string>
#include <vector>

#include "core/contract/lifecycle.hpp"
#include "core/contract/store.hpp"
#include "core/plugin/environment.hpp"

namespace kiln {

/// A store, and the services that cannot do their work without it.
struct watched_store {
  std::string name;
  store_actor store;
  std::vector<std::string> services;  ///< full names; the empty one is the server as a whole
};

/// Asks each store every few seconds whether it still answers: one behind it, on another machine, may be
/// gone. Says so once, in the log and to `health` (which may be null), and again when it is back. A store
/// that is asked and silent for long counts as gone, too. Lives until it is told to exit.
caf::actor spawn_store_watch(caf::actor_system& system, const environment& env,
                             std::vector<watched_store> stores, serving_actor health);

}  // namespace kiln
