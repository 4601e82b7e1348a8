#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/contract/lifecycle.hpp"

namespace caf {
class actor_system;
}

namespace kiln {

class logger;

/// One thing to bring to rest. `run` starts it and returns at once; `done` may be called on any thread, once.
struct drain_step {
  std::string name;
  duration until;  ///< when it is given up, counted from the beginning of the whole drain
  std::function<void(std::function<void()> done)> run;
};

/// Takes the steps in order, each until it is done or its time is over. One whose time is over before it
/// comes is begun all the same, and not waited for. The whole takes no longer than the latest `until`.
drain_actor spawn_drain(caf::actor_system& system, std::vector<drain_step> steps, logger* log);

}  // namespace kiln
