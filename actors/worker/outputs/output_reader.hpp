#pragma once

#include <caf/fwd.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <memory>

#include "actors/worker/outputs/output_tap.hpp"
#include "core/base/thread_pool.hpp"
#include "core/contract/resume.hpp"
#include "core/contract/worker_messages.hpp"

namespace kiln {

/// -> output_piece, as read_output has it; the offset and so on are in `what`.
struct read_tap {
  std::shared_ptr<output_tap> tap;
  read_output what;
};

using output_reader_actor =
    caf::typed_actor<caf::replies_to<read_tap>::with<output_piece>, caf::reacts_to<resume>>;

/// Reads what actions are writing, for the whole worker, on `pool`. Files say nothing when they grow, so
/// while somebody waits they are looked at ten times a second; while nobody does, nothing happens. No more
/// than a thousand may wait (RESOURCE_EXHAUSTED), and none for longer than ten seconds.
output_reader_actor spawn_output_reader(caf::actor_system& system, std::shared_ptr<thread_pool> pool);

}  // namespace kiln

KILN_MESSAGE(kiln::read_tap)
