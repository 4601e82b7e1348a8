#pragma once

#include <caf/actor.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/fwd.hpp>
#include <string>
#include <vector>

namespace kiln {

class logger;

struct guarded_actor {
  std::string name;
  caf::strong_actor_ptr actor;
};
using guardian_actor = caf::actor;

/// Watches over the actors that a node cannot be without. When one dies, the process logs which and why and
/// ends with exit code 70: half a server is worse than a quick restart (docs/decisions/0003). It must be gone
/// before they are ended on purpose.
guardian_actor spawn_guardian(caf::actor_system& system, std::vector<guarded_actor> wards, logger* log);

}  // namespace kiln
