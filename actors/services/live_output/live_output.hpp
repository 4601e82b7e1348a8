#pragma once

#include <caf/fwd.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <cstdint>
#include <string>

#include "core/contract/resume.hpp"
#include "core/contract/scheduler_messages.hpp"
#include "core/contract/store.hpp"
#include "core/wire/output_name.hpp"

/// What actions write to their standard streams, while they run and for a while afterwards.
namespace kiln {

/// -> followed_output; RESOURCE_EXHAUSTED where too many follow, or too many of this client's.
struct follow_output {
  output_name name;
  std::uint64_t offset = 0;
  std::uint64_t limit = 0;  ///< 0: to the end
  std::string client;
  order_deadline until = waits_for_ever;
};
struct followed_output {
  /// Ends when the command has ended and all of it was read. Each read gives what there is, up to 128 KiB;
  /// nobody looks for more before the next one.
  blob_source_ptr content;
};

using live_output_actor =
    caf::typed_actor<caf::replies_to<follow_output>::with<followed_output>, caf::reacts_to<resume>>;

/// For each piece it asks the scheduler where the attempt is now, and then its worker, or `content` once the
/// action is over. A reader has a place until it is gone and what it asked for last was answered.
live_output_actor spawn_live_output(caf::actor_system& system, scheduler_actor scheduler, store_actor content,
                                    std::size_t max_readers);

}  // namespace kiln

KILN_MESSAGE(kiln::follow_output)
KILN_MESSAGE(kiln::followed_output)
