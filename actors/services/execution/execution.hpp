#pragma once

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "actors/services/common/cache_limits.hpp"
#include "actors/services/common/rpc.hpp"
#include "core/base/connections.hpp"
#include "core/config/schema.hpp"
#include "core/contract/action_cache_messages.hpp"
#include "core/contract/scheduler_messages.hpp"
#include "core/contract/store.hpp"
#include "core/plugin/environment.hpp"
#include "core/plugin/interpreting.hpp"

/// build.bazel.remote.execution.v2.Execution: looks at what is to be executed, answers from the action cache
/// where it may, hands the rest to the scheduler, and tells every waiting client how it goes on.
namespace kiln {

struct execution_options {
  duration default_timeout = std::chrono::hours(1);
  duration max_timeout = std::chrono::hours(24);
  std::size_t max_preparing = 20'000;
  std::size_t remembered_inputs = 500'000;
};
schema<execution_options> execution_schema();

/// Whom the service asks.
struct execution_peers {
  store_actor content;
  action_cache_actor results;  ///< may be null: then nothing is ever found
  scheduler_actor scheduler;
  interpreting reading = {};  ///< of its own if null
  /// Of these peers, those whose connection stands. Run on a thread pool.
  std::function<std::set<std::string>(const std::set<std::string>& peers)> standing = standing_connections;
};

struct execute_call : inbound {};
struct wait_execution_call : inbound {};
/// The client of a stream went away. If its connection stands it has cancelled; else it may come back.
struct execution_client_gone {
  std::uint64_t watcher = 0;
  std::string peer;
  std::optional<steady_time> deadline;
};
/// A moment later, and when it is known of them.
struct execution_leavers_due {};
struct execution_leavers_judged {
  std::vector<std::pair<std::string, bool>> leavers;  ///< operation, and whether it was for good
};
struct execution_keep_alive {};

using execution_actor =
    operation_observer::extend<caf::reacts_to<execute_call>, caf::reacts_to<wait_execution_call>,
                               caf::reacts_to<execution_client_gone>, caf::reacts_to<execution_keep_alive>,
                               caf::reacts_to<resume>, caf::reacts_to<execution_leavers_due>,
                               caf::reacts_to<execution_leavers_judged>>;

execution_actor spawn_execution(caf::actor_system& system, const environment& env, execution_options options,
                                const cache_limits& limits, execution_peers peers);
/// Execute and WaitExecution.
void add_routes(router& routes, const execution_actor& to);

}  // namespace kiln

KILN_MESSAGE(kiln::execute_call)
KILN_MESSAGE(kiln::wait_execution_call)
KILN_MESSAGE(kiln::execution_client_gone)
KILN_MESSAGE(kiln::execution_keep_alive)
KILN_MESSAGE(kiln::execution_leavers_due)
KILN_MESSAGE(kiln::execution_leavers_judged)
