#pragma once

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>
#include <cstdint>

#include "actors/services/common/rpc.hpp"
#include "core/contract/scheduler_messages.hpp"
#include "core/plugin/environment.hpp"

/// google.longrunning.Operations: looking at what Execute began, waiting for it, cancelling it. Deleting is
/// not offered; operations are forgotten by themselves.
namespace kiln {

struct get_operation_call : inbound {};
struct list_operations_call : inbound {};
struct wait_operation_call : inbound {};
struct cancel_operation_call : inbound {};
struct delete_operation_call : inbound {};
/// The client that waited went away.
struct operation_client_gone {
  std::uint64_t watcher = 0;
};
/// A client has waited as long as it wanted to.
struct operation_wait_over {
  std::uint64_t watcher = 0;
};

using operations_actor =
    operation_observer::extend<caf::reacts_to<get_operation_call>, caf::reacts_to<list_operations_call>,
                               caf::reacts_to<wait_operation_call>, caf::reacts_to<cancel_operation_call>,
                               caf::reacts_to<delete_operation_call>, caf::reacts_to<operation_client_gone>,
                               caf::reacts_to<operation_wait_over>>;

operations_actor spawn_operations(caf::actor_system& system, const environment& env,
                                  scheduler_actor scheduler);
void add_routes(router& routes, const operations_actor& to);

}  // namespace kiln

KILN_MESSAGE(kiln::get_operation_call)
KILN_MESSAGE(kiln::list_operations_call)
KILN_MESSAGE(kiln::wait_operation_call)
KILN_MESSAGE(kiln::cancel_operation_call)
KILN_MESSAGE(kiln::delete_operation_call)
KILN_MESSAGE(kiln::operation_client_gone)
KILN_MESSAGE(kiln::operation_wait_over)
