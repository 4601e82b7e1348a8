#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "actors/scheduler/operation.hpp"
#include "actors/scheduler/worker_table.hpp"

namespace kiln::scheduling {

/// All actions with equal needs, and who could ever take one of them. Properties are compared when a demand
/// or a worker is new, and never again for each action.
struct demand {
  needs asked;
  std::string key;
  std::map<place, operation*> waiting;
  std::unordered_set<const worker*> able;
  std::optional<steady_time> barren_since;  ///< while nobody is able
};

/// What waits for a worker, kept by demand: within one, the first stands for all, so neither a new action nor
/// a freed slot looks at the ten thousand others. Confined to one actor.
///
/// Among demands that a worker could meet, the most urgent and then oldest action goes first. One that needs
/// more than the worker has left is passed over, but not for ever: when it has waited for long, one worker is
/// kept for it, which takes nothing else until there is room.
class action_queue {
public:
  /// The demand of these needs. It lives while an operation refers to it, and some time beyond.
  std::shared_ptr<demand> demand_of(needs asked, const worker_table& workers, steady_time now);

  void push(operation& what);
  void remove(operation& what);
  /// An equal action arrived that is more urgent. No effect on one that is not waiting.
  void hasten(operation& what, std::int32_t priority);
  std::size_t size() const noexcept { return size_; }

  /// Call after a worker was added, and before one is removed.
  void worker_joined(const worker& who);
  void worker_left(worker& who, steady_time now);

  /// What this worker should do next; null if nothing suits, or if it is kept for something larger. It stays
  /// in the queue.
  operation* best_for(worker& who, steady_time now);
  /// No worker is kept for this action any more. The one that was, or null.
  worker* release(operation& what) noexcept;
  /// Those that have waited since before `time` while nobody could ever take them.
  std::vector<operation*> hopeless_since(steady_time time);
  std::vector<operation*> all();

private:
  void drop_idle_demands();

  std::unordered_map<std::string, std::shared_ptr<demand>> demands_;
  std::unordered_set<demand*> wanted_;  ///< those where something waits
  std::size_t size_ = 0;
};

}  // namespace kiln::scheduling
