#pragma once

#include <cstdint>
#include <map>
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

/// How an action ended. `status` not ok: it did not run to an end (or ran over its time), and `result` holds
/// what there is to tell, possibly nothing.
struct action_outcome {
  error status;
  bytes result;  ///< serialised ActionResult
  std::int32_t exit_code = 0;
  bool from_cache = false;
};

enum class stage : std::uint8_t { queued = 2, executing = 3, completed = 4 };  // ExecutionStage's numbers

/// What a client sees of an operation.
struct operation_state {
  std::string name;
  digest action;
  stage now = stage::queued;
  action_outcome outcome;  ///< when completed
  std::string remark;      ///< while queued: why it will not begin as things are; empty for most
};

}  // namespace kiln
