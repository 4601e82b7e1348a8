#pragma once

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

#include "actors/services/common/cache_limits.hpp"
#include "actors/services/common/rpc.hpp"
#include "core/config/schema.hpp"
#include "core/config/units.hpp"
#include "core/contract/action_cache_messages.hpp"
#include "core/contract/store.hpp"
#include "core/plugin/environment.hpp"
#include "core/plugin/interpreting.hpp"

/// build.bazel.remote.execution.v2.ActionCache, and the same for other services
/// (core/contract/action_cache_messages.hpp).
namespace kiln {

struct action_cache_settings {
  bool check_completeness = true;
  bool client_updates = true;
  bool keep_failures = false;
  byte_size index_memory{64 << 20};
};
schema<action_cache_settings> action_cache_schema();

struct action_cache_options {
  environment env;
  store_actor results;  ///< of results
  store_actor content;  ///< of content: what results refer to
  action_cache_settings settings;
  cache_limits limits;
  record_names names = record_names();
  interpreting reading = {};  ///< of its own if null
  bool indexed = false;       ///< both stores tell news, and nobody else changes them (`may_be_indexed`)
};

struct get_action_result : inbound {};
struct update_action_result : inbound {};
using action_cache_service =
    action_cache_actor::extend<caf::reacts_to<get_action_result>, caf::reacts_to<update_action_result>,
                               caf::reacts_to<resume>, caf::reacts_to<blobs_stored>,
                               caf::reacts_to<blobs_evicted>>;

action_cache_service spawn_action_cache(caf::actor_system& system, const action_cache_options& options);
void add_routes(router& routes, const action_cache_service& to);

}  // namespace kiln

KILN_MESSAGE(kiln::get_action_result)
KILN_MESSAGE(kiln::update_action_result)
