#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/clock.hpp"
#include "core/digest/digest.hpp"

namespace kiln {

/// A platform as REAPI has it: names may repeat, order does not matter (kept sorted by name, then value).
using platform_properties = std::vector<std::pair<std::string, std::string>>;

/// All that the scheduler and a worker need to know of an action.
struct action_spec {
  std::string instance;
  digest action;
  digest command_digest;
  digest input_root;
  bytes command;  ///< the serialised Command, so that nobody fetches it twice
  platform_properties platform;
  duration timeout{0};  ///< 0: the worker's default
  bool do_not_cache = false;
  std::string request_metadata;  ///< the client's RequestMetadata, serialised; may be empty
  wall_time queued{};            ///< when it came to the scheduler, for the result's metadata
};

/// Whose fault it is that an action did not run to its end. It decides who tries again.
enum class fault_owner : std::uint8_t {
  unsaid,     ///< by a worker that knows of no owners: the code tells, see owner_of
  action,     ///< it would end so on any worker: the client is told, and nobody tries again
  worker,     ///< another try may end better, on another worker first; speaks against the worker
  suspect,    ///< the worker lost the action, which may have caused it: the worker's once, the action's if
              ///< repeated
  elsewhere,  ///< a store's, a neighbour's: another try may end better; says nothing of the worker
};

/// How an action ended. `status` not ok: it did not run to an end (or ran over its time), and `result` holds
/// what there is to tell, possibly nothing.
struct action_outcome {
  error status;
  bytes result;  ///< serialised ActionResult
  std::int32_t exit_code = 0;
  bool from_cache = false;
  fault_owner fault = fault_owner::unsaid;  ///< when `status` is not ok
  /// A text in the content store: what became of each attempt. By the scheduler, where there is more to tell.
  std::optional<digest> attempts_log = {};
};

/// Never `unsaid`.
constexpr fault_owner owner_of(errc code) noexcept {
  switch (code) {
    case errc::cancelled:
    case errc::unknown:
    case errc::resource_exhausted:
    case errc::aborted:
    case errc::internal:
    case errc::unavailable:
    case errc::data_loss:
    case errc::unauthenticated:
      return fault_owner::worker;
    default:
      return fault_owner::action;
  }
}
inline fault_owner owner_of(const action_outcome& outcome) noexcept {
  return outcome.fault == fault_owner::unsaid ? owner_of(outcome.status.code()) : outcome.fault;
}

enum class stage : std::uint8_t { queued = 2, executing = 3, completed = 4 };  // ExecutionStage's numbers

/// What a client sees of an operation.
struct operation_state {
  std::string name;
  digest action;
  stage now = stage::queued;
  action_outcome outcome;  ///< when completed
  std::string remark;      ///< while queued: why it will not begin as things are; empty for most
  /// While executing: the attempt whose output can be followed; 0 where none can be.
  std::uint64_t followed = 0;
};

}  // namespace kiln
