#pragma once

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "core/contract/action.hpp"
#include "core/contract/actor.hpp"
#include "core/contract/kiln_message.hpp"
#include "core/wire/output_name.hpp"

/// What a worker hears from its scheduler. In the same process it is the worker itself; for one across the
/// wire, the session that stands for it.
namespace kiln {

/// One try of one operation, as a worker has it.
struct held_attempt {
  std::string operation;
  std::uint64_t attempt = 0;
};

/// What a worker says of itself when it registers.
struct worker_profile {
  std::string name;  ///< unique among live workers; shown to people
  platform_properties
      properties;           ///< what it offers; how each name is compared is the scheduler's configuration
  std::uint32_t slots = 1;  ///< actions at once
  std::uint64_t epoch = 0;  ///< random at each start of the worker's process
  duration max_timeout{0};  ///< the longest that it lets an action run; 0: no limit is known
  /// Of one that comes back: what it runs, and what has ended and was perhaps not heard of.
  std::vector<held_attempt> running = {};
  bool shows_output = false;  ///< it answers read_output
};

/// Run this. Answered by action_started and action_finished, with the same operation and attempt.
struct start_action {
  std::string operation;
  std::uint64_t attempt = 0;
  action_spec action;
};
/// Nobody wants it any more. Its processes are killed; action_finished follows with CANCELLED.
struct kill_action {
  std::string operation;
  std::uint64_t attempt = 0;
  std::string reason;
};
/// No more work will come; the connection ends when the last action has.
struct dismiss_worker {
  std::string reason;
  /// The scheduler has given the worker up and takes no word from it any more: what runs is stopped, and the
  /// connection ends now. The worker may register again.
  bool given_up = false;
};

/// -> output_piece: what the command has written to this stream from `offset` on, at most `limit` bytes.
/// Answered when there is something, at its end, or after a while with nothing, to be asked again.
/// UNAVAILABLE where this attempt is not, or no longer, and when the worker is lost: the scheduler knows what
/// became of it.
struct read_output {
  std::string operation;  ///< as the worker has it
  std::uint64_t attempt = 0;
  standard_stream stream = standard_stream::out;
  std::uint64_t offset = 0;
  std::uint32_t limit = 0;
};
struct output_piece {
  bytes data;
  bool end = false;  ///< the command has ended, and nothing follows
};

using worker_actor =
    caf::typed_actor<caf::reacts_to<start_action>, caf::reacts_to<kill_action>,
                     caf::reacts_to<dismiss_worker>, caf::replies_to<read_output>::with<output_piece>>;

}  // namespace kiln

KILN_MESSAGE(kiln::start_action)
KILN_MESSAGE(kiln::kill_action)
KILN_MESSAGE(kiln::dismiss_worker)
KILN_MESSAGE(kiln::read_output)
KILN_MESSAGE(kiln::output_piece)
