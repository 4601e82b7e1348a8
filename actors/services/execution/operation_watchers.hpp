#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "actors/services/execution/operation_stream.hpp"
#include "core/base/clock.hpp"
#include "core/contract/action.hpp"

namespace kiln {

/// Which calls wait for which operation. A state is encoded once, however many wait. Confined to one actor.
class operation_watchers {
public:
  using id = std::uint64_t;

  /// The call is told the state at once. Nothing stays behind if that was the last word.
  id add(const operation_state& state, std::shared_ptr<operation_stream> stream, steady_time now);
  /// Tells everyone who waits for it; with the last word they are dropped.
  void tell(const operation_state& state, steady_time now);
  /// The call is gone. The operation's name, if the call was still waiting.
  std::optional<std::string> remove(id who);
  /// Ends one call with what is known now. The operation's name, if the call was still waiting.
  std::optional<std::string> end(id who);
  /// Repeats the last state to those who have heard nothing since before `time`, so that nothing on the way
  /// takes a silent stream for a dead one.
  void repeat_unheard_since(steady_time time, steady_time now);

  std::size_t size() const noexcept { return by_id_.size(); }

private:
  struct watched {
    bytes last;
    steady_time told;
    std::map<id, std::shared_ptr<operation_stream>> streams;
  };
  std::unordered_map<std::string, watched> by_name_;
  std::unordered_map<id, std::string> by_id_;
  id last_id_ = 0;
};

}  // namespace kiln
