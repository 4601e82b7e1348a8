#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/scheduler/attempt_log.hpp"
#include "core/base/clock.hpp"
#include "core/contract/action.hpp"

/// Operations: what clients asked for, from the queue to the day they are forgotten.
namespace kiln::scheduling {

struct demand;
struct operation;
struct worker;

/// Who hears of an operation. The actor knows the handle behind the number.
using listener_id = std::uint64_t;

/// Where an operation stands. Clients see less: see stage_of.
enum class phase : std::uint8_t {
  queued,     ///< or resting between two attempts
  given,      ///< to a worker, which is fetching inputs
  running,    ///< the worker said so
  recording,  ///< the result is on its way into the action cache
  done,
};

/// The place of an operation among those that wait: smaller is sooner.
struct place {
  std::int32_t priority = 0;
  std::uint64_t sequence = 0;
  auto operator<=>(const place&) const noexcept = default;
};

/// A moment, and among those of one moment the order in which they came. Never an address.
using moment = std::pair<steady_time, std::uint64_t>;

/// One client's share in an operation, under a name of its own: merged clients know nothing of each other, so
/// what one of them cancels ends for that one alone.
struct claim {
  std::string name;
  std::uint64_t number = 0;  ///< counted through all claims
  std::shared_ptr<operation> of;
  bool cancelled = false;  ///< ended for this client, whatever becomes of the operation
  std::vector<std::pair<listener_id, std::size_t>> listeners;  ///< and how often each of them listens
  steady_time abandoned_since;                                 ///< while there is no listener

  bool over() const noexcept;
  operation_state state() const;
};

struct operation {
  std::string name;  ///< as workers know it, and the client that asked first
  action_spec action;
  place where;
  std::shared_ptr<demand> asks;  ///< none once it is done
  steady_time queued_since;
  duration waited{0};      ///< until it was first given to a worker
  worker* kept = nullptr;  ///< takes nothing else until this fits

  phase now = phase::queued;
  std::string worker_id;         ///< while given or running
  std::uint64_t attempt = 0;     ///< counts from 1; 0: never given to anyone
  std::uint32_t failures = 0;    ///< attempts lost to workers, not to the action
  std::uint32_t suspicions = 0;  ///< of them, those that the action may have caused
  steady_time due{};             ///< when this attempt must have ended; without a timeout never
  bool shows_output = false;     ///< by the worker of this attempt
  attempt_log attempts;
  action_outcome outcome;  ///< from recording on

  std::vector<std::string> failed_at;  ///< names of workers; others go first until `wake`
  steady_time wake{};                  ///< while it rests, or waits for a worker that has not failed it

  std::vector<claim*> claims;  ///< those that are neither cancelled nor forgotten

  bool avoids(const std::string& worker_name) const noexcept;
  /// It failed on two workers, or twice on one, so it may be what crashes them. No two such actions share a
  /// worker: one would use up the retries of the other.
  bool apart() const noexcept { return failures >= 2; }
  /// A worker with room for it may still have to leave it.
  bool choosy() const noexcept { return apart() || !failed_at.empty(); }
};

stage stage_of(phase now) noexcept;

}  // namespace kiln::scheduling
