#pragma once

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>
#include <optional>

#include "core/contract/call.hpp"
#include "core/contract/scheduler_messages.hpp"
#include "core/contract/store.hpp"
#include "core/contract/worker_messages.hpp"
#include "core/plugin/environment.hpp"

namespace kiln {

/// What the wire brought, or that it is at its end.
struct session_heard {
  expected<std::optional<byte_chain>> message;
};
struct session_written {
  bool well = false;
};
struct session_tick {};
/// The worker has had the time to introduce itself; the second time, to prove that it has our cache.
struct session_hello_due {};
/// The connection is gone.
struct session_cut {};

using worker_session_actor =
    worker_actor::extend<caf::reacts_to<session_heard>, caf::reacts_to<session_written>,
                         caf::reacts_to<session_tick>, caf::reacts_to<session_hello_due>,
                         caf::reacts_to<session_cut>>;

/// A blob by which a worker proves that it reaches the scheduler's cache.
struct cache_landmark {
  store_actor content;  ///< null: nothing is to be proved
  digest blob;
  bytes text;
};

/// One connected worker: toward the scheduler it is the worker itself, toward the worker it speaks the wire.
/// It ends with the connection; the scheduler, which watches it, then waits for the worker to come back with
/// another one. Its heartbeats tell the worker how much was heard. A worker that does not introduce itself in
/// time is shown out, and so is one whose cache lacks the landmark.
worker_session_actor spawn_worker_session(caf::actor_system& system, const environment& env,
                                          scheduler_actor scheduler, call_ptr connection,
                                          cache_landmark landmark);

}  // namespace kiln

KILN_MESSAGE(kiln::session_heard)
KILN_MESSAGE(kiln::session_written)
KILN_MESSAGE(kiln::session_tick)
KILN_MESSAGE(kiln::session_hello_due)
KILN_MESSAGE(kiln::session_cut)
