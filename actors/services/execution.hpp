#pragma once

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>
#include <chrono>
#include <cstdint>

#include "actors/services/cache_limits.hpp"
#include "actors/services/interpreting.hpp"
#include "actors/services/rpc.hpp"
#include "core/config/schema.hpp"
#include "core/contract/action_cache.hpp"
#include "core/contract/scheduler.hpp"
#include "core/contract/store.hpp"
#include "core/plugin/environment.hpp"

/// build.bazel.remote.execution.v2.Execution: looks at what is to be executed, answers from the action cache
/// where it may, hands the rest to the scheduler, and tells every waiting client how it goes on.
namespace kiln {

struct execution_options {
  duration default_timeout = std::chrono::hours(1);
  duration max_timeout = std::chrono::hours(24);
  std::size_t max_preparing = 10'000;
  std::size_t remembered_inputs = 500'000;
};
schema<execution_options> execution_schema();

/// Whom the service asks.
struct execution_peers {
  store_actor content;
  action_cache_actor results;  ///< may be null: then nothing is ever found
  scheduler_actor scheduler;
  interpreting reading = {};  ///< of its own if null
};

struct execute_call : inbound {};
struct wait_execution_call : inbound {};
/// The client of a stream went away.
struct execution_client_gone {
  std::uint64_t watcher = 0;
};
struct execution_keep_alive {};

using execution_actor =
    operation_listener::extend<caf::reacts_to<execute_call>, caf::reacts_to<wait_execution_call>,
                               caf::reacts_to<execution_client_gone>, caf::reacts_to<execution_keep_alive>,
                               caf::reacts_to<resume>>;

execution_actor spawn_execution(caf::actor_system& system, const environment& env, execution_options options,
                                const cache_limits& limits, execution_peers peers);
/// Execute and WaitExecution.
void add_routes(router& routes, const execution_actor& to);

}  // namespace kiln

KILN_MESSAGE(kiln::execute_call)
KILN_MESSAGE(kiln::wait_execution_call)
KILN_MESSAGE(kiln::execution_client_gone)
KILN_MESSAGE(kiln::execution_keep_alive)
