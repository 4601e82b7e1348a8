#pragma once

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>
#include <optional>

#include "actors/services/common/cache_limits.hpp"
#include "actors/services/common/rpc.hpp"
#include "core/digest/chunker.hpp"
#include "core/plugin/environment.hpp"

/// What this server can do, for clients that ask before they begin.
namespace kiln {

struct capabilities_options {
  bool serves_cache = true;
  bool serves_execution = false;
  bool action_cache_updates = true;  ///< whether clients may write action results
  cache_limits limits;
  std::optional<fast_cdc_parameters> chunking;  ///< where blobs are split and spliced
};

struct get_capabilities : inbound {};

using capabilities_actor = caf::typed_actor<caf::reacts_to<get_capabilities>>;

capabilities_actor spawn_capabilities(caf::actor_system& system, const environment& env,
                                      const capabilities_options& options);
void add_routes(router& routes, const capabilities_actor& to);

}  // namespace kiln

KILN_MESSAGE(kiln::get_capabilities)
