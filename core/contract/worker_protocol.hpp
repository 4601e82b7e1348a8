#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/contract/scheduler_messages.hpp"
#include "core/contract/worker_messages.hpp"

/// The words of kiln.worker.v1 as the messages of the scheduler and of workers: both ends of a session read
/// and write them here. Plain functions; a message that is none, or holds nothing, is INVALID_ARGUMENT.
namespace kiln {

/// The method a worker calls to open its session.
inline constexpr std::string_view connect_method = "/kiln.worker.v1.Workers/Connect";

/// The sender is alive, and has heard so many messages of this session.
struct session_heartbeat {
  std::uint64_t heard = 0;
};

/// The hello of a worker that proves, when it is asked to, that it reaches the scheduler's cache. One that
/// says only its profile is taken at its word.
struct proving_worker {
  worker_profile profile;
};
/// Is this blob, which the scheduler has put there, in the worker's cache? -> cache_proof
struct prove_cache {
  digest blob;
};
struct cache_proof {
  error status;  ///< why it is not found
};

/// The output of an attempt is wanted -> output_told, of the same number.
struct output_wanted {
  std::uint64_t number = 0;
  read_output what;
};
struct output_told {
  std::uint64_t number = 0;
  output_piece piece;
  error status;  ///< or why there is none
};

/// What a worker says. The receiver knows which worker it is: `worker_id` is empty.
using worker_words = std::variant<worker_profile, session_heartbeat, action_started, action_finished,
                                  worker_slots, worker_leaving, proving_worker, cache_proof, output_told>;
bytes encode(const worker_words& words);
expected<worker_words> decode_worker_words(const byte_chain& message);

/// What the scheduler says. That a worker is given up is not said but done: the call ends.
using scheduler_words = std::variant<worker_welcome, session_heartbeat, start_action, kill_action,
                                     dismiss_worker, prove_cache, output_wanted>;
bytes encode(const scheduler_words& words);
expected<scheduler_words> decode_scheduler_words(const byte_chain& message);

}  // namespace kiln
