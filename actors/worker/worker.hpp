#pragma once

#include <caf/actor_control_block.hpp>
#include <caf/fwd.hpp>
#include <functional>
#include <memory>

#include "actors/worker/worker_options.hpp"
#include "core/contract/scheduler_messages.hpp"
#include "core/contract/store.hpp"
#include "core/contract/worker_messages.hpp"
#include "core/plugin/environment.hpp"

/// Runs actions: registers at a scheduler, and keeps registering whenever that has lost it.
namespace kiln {

struct worker_context {
  environment env;
  store_actor cas;         ///< inputs come from there, outputs go there
  store_actor cache;       ///< lends files; null: `cas` is asked to
  worker_registry master;  ///< the scheduler, or its proxy (remote_scheduler)
  /// Told, before spawn_worker returns, of the actors beside it that the worker cannot be without; may be
  /// null.
  std::function<void(const char* name, caf::strong_actor_ptr who)> also_needs;
  /// Called, and the worker does not ask again, if the scheduler will never take it: it is no scheduler, or
  /// wants another token. Any thread. Null: it goes on asking.
  std::function<void(const error&)> refused = {};
};

/// -> worker_drained once nothing runs here and the scheduler knows that nothing will.
struct drain_worker {};
struct worker_drained {};

/// -> what runs here
struct measure_worker {};
struct worker_stats {
  std::size_t running = 0;
  std::size_t slots = 0;  ///< without those that something holds which cannot be ended
};

using local_worker = worker_actor::extend<                //
    caf::replies_to<drain_worker>::with<worker_drained>,  //
    caf::replies_to<measure_worker>::with<worker_stats>>;

/// An exit message stops what runs, in good order, before the actor ends; exit_reason::kill leaves the folder
/// of a running action to the next start.
///
/// Takes its work folder over and starts the launcher before it returns, so it blocks shortly; then
/// registers. FAILED_PRECONDITION if another worker has that folder.
expected<local_worker> spawn_worker(caf::actor_system& system, const worker_options& options,
                                    worker_context context);

}  // namespace kiln

KILN_MESSAGE(kiln::drain_worker)
KILN_MESSAGE(kiln::worker_drained)
KILN_MESSAGE(kiln::measure_worker)
KILN_MESSAGE(kiln::worker_stats)
