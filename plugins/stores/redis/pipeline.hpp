#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/contract/store.hpp"
#include "plugins/stores/redis/redis_connection.hpp"

namespace kiln::redis_store {

/// Commands in one pipeline, at most: a server works off one client's before it turns to the next.
inline constexpr std::size_t most_in_pipeline = 5000;

/// Commands that go to a server in one go: one round trip, however many they are.
struct pipeline {
  std::vector<resp_command> commands;
  std::uint64_t answer_size = 0;  ///< bytes that the answers may have in all
  /// They may be done twice: what was not answered because the connection broke is sent once more.
  bool repeatable = false;
  /// They are one transaction, MULTI to EXEC, about one key's slot.
  bool is_transaction = false;
  /// Only there: what they go on with lies on that very server.
  connection_ptr pinned;
  steady_time until = waits_for_ever;
};

/// What became of a pipeline.
struct outcome {
  replies answers;
  connection_ptr over;  ///< who answered last; null if nobody was asked
};
using outcome_then = std::function<void(outcome)>;

}  // namespace kiln::redis_store
