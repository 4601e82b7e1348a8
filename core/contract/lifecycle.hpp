#pragma once

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <string>
#include <vector>

#include "core/contract/actor.hpp"
#include "core/contract/kiln_message.hpp"

/// The end of a process, spoken.
namespace kiln {

/// For whoever tells clients whether we serve (grpc.health.v1). Serving is announced once the listeners are
/// open, the opposite as the first step of the drain.
struct set_serving {
  bool serving = false;
};
/// These services can, or cannot, do their work for now; the empty name is the server as a whole.
struct set_available {
  std::vector<std::string> services;
  bool available = true;
};
using serving_actor = caf::typed_actor<caf::reacts_to<set_serving>, caf::reacts_to<set_available>>;

/// -> drained, when the last step is done or timed out. Further requests get the same answer.
struct begin_drain {};
struct drained {
  bool complete = true;  ///< false: a step timed out
};
/// A step of the drain is over (told by the step itself).
struct drain_step_done {
  std::size_t step = 0;
};
/// A step's patience is over.
struct drain_step_overdue {
  std::size_t step = 0;
};
using drain_actor = caf::typed_actor<caf::replies_to<begin_drain>::with<drained>,
                                     caf::reacts_to<drain_step_done>, caf::reacts_to<drain_step_overdue>>;

}  // namespace kiln

KILN_MESSAGE(kiln::set_serving)
KILN_MESSAGE(kiln::set_available)
KILN_MESSAGE(kiln::begin_drain)
KILN_MESSAGE(kiln::drained)
KILN_MESSAGE(kiln::drain_step_done)
KILN_MESSAGE(kiln::drain_step_overdue)
