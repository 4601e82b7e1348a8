#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/clock.hpp"
#include "core/contract/execution.hpp"

/// Operations: what clients asked for, from the queue to the day they are forgotten.
namespace kiln::scheduling {

struct demand;
struct worker;

/// Who hears of an operation. The actor knows the handle behind the number.
using listener_id = std::uint64_t;

/// Where an operation stands. Clients see less: see stage_of.
enum class phase : std::uint8_t {
  queued,
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

struct operation {
  std::string name;
  action_spec action;
  place where;
  std::shared_ptr<demand> asks;  ///< none once it is done
  steady_time queued_since;
  duration waited{0};      ///< until it was first given to a worker
  worker* kept = nullptr;  ///< takes nothing else until this fits

  phase now = phase::queued;
  std::string worker_id;       ///< while given or running
  std::uint64_t attempt = 0;   ///< counts from 1; 0: never given to anyone
  std::uint32_t failures = 0;  ///< attempts lost to workers, not to the action
  steady_time due{};           ///< when this attempt must have ended; without a timeout never
  action_outcome outcome;      ///< from recording on

  std::vector<std::pair<listener_id, std::size_t>> listeners;  ///< and how often each of them listens
  steady_time abandoned_since;                                 ///< while there is no listener
  steady_time done_since;

  operation_state state() const;
};

stage stage_of(phase now) noexcept;

/// All operations by name, and by action where they can be joined. Confined to one actor. Addresses stay good
/// until an operation is forgotten.
class operation_table {
public:
  operation& add(std::unique_ptr<operation> made);
  operation* find(const std::string& name) noexcept;
  /// The newest operation in flight for this action that others may join.
  operation* find_joinable(const std::string& instance, const digest& action) noexcept;

  void listen(operation& to, listener_id who);
  void unlisten(operation& from, listener_id who, steady_time now);
  /// Ends all that this listener heard.
  void listener_gone(listener_id who, steady_time now);
  /// In flight and without a listener since before `time`, longest first.
  std::vector<operation*> abandoned_before(steady_time time);

  /// The operation is done: nobody joins or abandons it any more, and it waits to be forgotten.
  void retire(operation& what, steady_time now);
  /// Forgets those that were done before `time`, and the oldest beyond `most`.
  void forget(steady_time time, std::size_t most);

  /// At most `limit` behind `after`, by name. Looks at all of them: for people, not for the way of an action.
  std::vector<operation_state> list(const std::string& after, std::size_t limit) const;
  std::size_t size() const noexcept { return by_name_.size(); }

private:
  struct action_hash {
    std::size_t operator()(const std::pair<std::string, digest>& key) const noexcept {
      return std::hash<digest>{}(key.second) ^ std::hash<std::string>{}(key.first);
    }
  };

  std::unordered_map<std::string, std::unique_ptr<operation>> by_name_;
  std::unordered_map<std::pair<std::string, digest>, operation*, action_hash> joinable_;
  std::set<std::pair<steady_time, operation*>> abandoned_;
  std::deque<operation*> done_;
};

}  // namespace kiln::scheduling
