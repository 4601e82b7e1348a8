#pragma once

#include <caf/fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/system/node_options.hpp"
#include "core/contract/lifecycle.hpp"
#include "core/contract/router.hpp"
#include "core/contract/scheduler_messages.hpp"
#include "core/contract/store.hpp"
#include "core/digest/record_key.hpp"
#include "core/plugin/environment.hpp"
#include "core/wire/bearer_token.hpp"

namespace kiln {

/// Whom the services of a node speak to; null where there is none.
struct service_peers {
  store_actor content;
  store_actor results;
  scheduler_actor scheduler;
  record_names names = record_names();
  bool web = false;              ///< whether anybody comes in by HTTP
  bool results_indexed = false;  ///< both stores say what leaves them (`may_be_indexed`)
};

/// The services of a node, for those who watch over them and end them.
struct served_services {
  serving_actor health;
  std::vector<std::pair<std::string, caf::strong_actor_ptr>> all;
  void end();
};

/// What is answered where: clients and workers have listeners of their own, and so has who speaks HTTP.
struct node_routes {
  router clients;
  router workers;
  router web;
};

/// Spawns every service that the options and peers allow, and adds their routes. `token` is what a joining
/// worker shows; without one there are none from elsewhere.
served_services serve_all(caf::actor_system& system, const environment& env, const serve_options& options,
                          const service_peers& peers, const std::optional<bearer_token>& token,
                          node_routes& routes);

/// The same for a node that has nothing for clients: health, and where `web` says that somebody speaks HTTP,
/// metrics.
served_services serve_status(caf::actor_system& system, const environment& env, bool web,
                             node_routes& routes);

}  // namespace kiln
