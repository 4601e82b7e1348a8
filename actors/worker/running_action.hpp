#pragma once

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <string>

#include "actors/worker/worker_resources.hpp"
#include "core/contract/actor.hpp"
#include "core/contract/resume.hpp"
#include "core/contract/worker_messages.hpp"

/// One action from its start to its end: inputs, command, outputs, cleanup.
namespace kiln {

/// News to the worker. After action_over nothing of the action is left on the machine, unless it lingers: a
/// process cannot be killed, or its folder cannot be removed, since a disk hangs or there is very much of it.
/// action_gone follows when it is gone after all.
struct action_began {
  std::string operation;
  std::uint64_t attempt = 0;
};
struct action_over {
  std::string operation;
  std::uint64_t attempt = 0;
  action_outcome outcome;
  bool lingers = false;
  bool removing = false;  ///< it lingers since its folder is being removed, which takes its time
};
struct action_gone {
  std::string operation;
  std::uint64_t attempt = 0;
};
using action_owner =
    caf::typed_actor<caf::reacts_to<action_began>, caf::reacts_to<action_over>, caf::reacts_to<action_gone>>;

/// End it, with this outcome, whatever it is doing. The last word comes as ever.
struct stop_action {
  error why;
};

using running_action_actor = caf::typed_actor<caf::reacts_to<stop_action>, caf::reacts_to<resume>,
                                              caf::replies_to<read_output>::with<output_piece>>;
/// What the stages of an action see of it.
using action_self = running_action_actor::base;

/// Begins at once.
running_action_actor spawn_running_action(caf::actor_system& system, worker_resources_ptr resources,
                                          action_owner owner, start_action order);

}  // namespace kiln

KILN_MESSAGE(kiln::action_began)
KILN_MESSAGE(kiln::action_over)
KILN_MESSAGE(kiln::action_gone)
KILN_MESSAGE(kiln::stop_action)
