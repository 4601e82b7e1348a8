#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/scheduler/operation.hpp"
#include "actors/scheduler/worker_table.hpp"

namespace kiln::scheduling {

/// All actions with equal needs, and the kinds of workers that could ever take one of them. Properties are
/// compared when a demand or a kind is new, and never again for each action or worker.
struct demand {
  struct taker {
    worker_kind* kind;
    std::optional<place> listed;  ///< where it stands in what waits for that kind; never behind its first
  };

  needs asked;
  std::string key;
  std::uint64_t number = 0;  ///< counted through all demands
  std::map<place, operation*> waiting;
  std::size_t choosy = 0;  ///< of those that wait: the ones that some worker is to leave to others
  std::vector<taker> able;
  std::optional<steady_time> unschedulable_since;  ///< while nobody is able
  std::string complaint;                           ///< what was said of that; empty: nothing yet
};

/// What waits for a worker, kept by demand: the first of a demand stands for all, so a new action or a freed
/// slot never scans the queue. Nor does it scan all demands: each kind of workers has an ordered list of
/// those that it can meet, and a bounded number of these is tried. Confined to one actor.
///
/// Among demands that a worker could meet, the most urgent and then oldest action goes first. One that needs
/// more than the worker has left is passed over, but not for ever: when it has waited for long, one worker is
/// kept for it, which takes nothing else until there is room.
class action_queue {
public:
  /// How many are asked whether they fit, on either side. What is behind them waits until a slot is free
  /// again, which is never far: whatever a kind could meet fits a worker of it that has nothing to do.
  static constexpr std::size_t max_asked = 256;

  /// The demand of these needs. It lives while an operation refers to it, and some time beyond.
  std::shared_ptr<demand> demand_of(needs asked, const worker_table& workers, steady_time now);

  void push(operation& what);
  void remove(operation& what);
  /// An equal action arrived that is more urgent. No effect on one that is not waiting.
  void hasten(operation& what, std::int32_t priority);
  std::size_t size() const noexcept { return size_; }

  /// Call when the first worker of a kind has come, and when the last one has left.
  void kind_came(worker_kind& kind);
  void kind_left(worker_kind& kind, steady_time now);

  /// The least loaded worker that could start this now; null if there is none.
  worker* free_for(const operation& what) const;
  /// What this worker should do next; null if nothing suits, or if it is kept for something larger. It stays
  /// in the queue.
  operation* best_for(worker& who, steady_time now);
  /// No worker is kept for this action any more. The one that was, or null.
  worker* release(operation& what) noexcept;

  /// Of the demands that nobody could ever meet, though something waits: those that have been so since before
  /// `time`, the longest first.
  std::vector<demand*> unschedulable_since(steady_time time) const;
  /// The most urgent first.
  std::vector<operation*> all();

  /// Comparisons and visits so far: what the bounds above are about.
  std::uint64_t steps() const noexcept { return steps_; }

private:
  void drop_idle_demands();
  void list(demand& which);
  operation* first_for(const demand& which, const worker& who) const;

  std::unordered_map<std::string, std::shared_ptr<demand>> demands_;
  std::map<moment, demand*> unschedulable_;  ///< since when; those where something waits
  std::size_t sweep_at_ = 1024;
  std::uint64_t demands_made_ = 0;
  std::size_t size_ = 0;
  mutable std::uint64_t steps_ = 0;
};

}  // namespace kiln::scheduling
