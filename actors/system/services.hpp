#pragma once

#include <caf/fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "actors/system/node_options.hpp"
#include "core/contract/lifecycle.hpp"
#include "core/contract/router.hpp"
#include "core/contract/scheduler.hpp"
#include "core/contract/store.hpp"
#include "core/digest/record_key.hpp"
#include "core/plugin/environment.hpp"

namespace kiln {

/// Whom the services of a node speak to; null where there is none.
struct service_peers {
  store_actor content;
  store_actor results;
  scheduler_actor scheduler;
  record_names names = record_names();
};

/// The services of a node, for those who watch over them and end them.
struct served_services {
  serving_actor health;
  std::vector<std::pair<std::string, caf::strong_actor_ptr>> all;
  void end();
};

/// Spawns every service that the options and peers allow, and adds their routes.
served_services serve_all(caf::actor_system& system, const environment& env, const serve_options& options,
                          const service_peers& peers, router& routes);

}  // namespace kiln
