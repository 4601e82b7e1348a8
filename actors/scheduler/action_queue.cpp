#include "actors/scheduler/action_queue.hpp"

#include <algorithm>
#include <utility>

namespace kiln::scheduling {
namespace {

/// More than a farm has kinds of machines. Beyond it, demands that nothing refers to are dropped.
constexpr std::size_t most_idle_demands = 1024;

/// How long smaller actions may pass over one that has not enough room.
constexpr duration passed_over_long = std::chrono::seconds(30);

}  // namespace

std::shared_ptr<demand> action_queue::demand_of(needs asked, const worker_table& workers, steady_time now) {
  auto key = asked.key();
  if (auto found = demands_.find(key); found != demands_.end()) return found->second;
  if (demands_.size() >= most_idle_demands) drop_idle_demands();
  auto made = std::make_shared<demand>();
  made->asked = std::move(asked);
  made->key = key;
  for (const auto& [id, each] : workers.all())
    if (each->accepting && could_take(each->offered, made->asked)) made->able.insert(each.get());
  if (made->able.empty()) made->barren_since = now;
  demands_.emplace(std::move(key), made);
  return made;
}

void action_queue::drop_idle_demands() {
  std::erase_if(demands_, [](const auto& entry) { return entry.second.use_count() == 1; });
}

void action_queue::push(operation& what) {
  what.asks->waiting.emplace(what.where, &what);
  wanted_.insert(what.asks.get());
  ++size_;
}

void action_queue::remove(operation& what) {
  auto& waiting = what.asks->waiting;
  if (waiting.erase(what.where) == 0) return;
  if (waiting.empty()) wanted_.erase(what.asks.get());
  --size_;
}

void action_queue::hasten(operation& what, std::int32_t priority) {
  if (priority >= what.where.priority || what.asks->waiting.erase(what.where) == 0) return;
  what.where.priority = priority;
  what.asks->waiting.emplace(what.where, &what);
}

void action_queue::worker_joined(const worker& who) {
  for (auto& [key, each] : demands_) {
    if (!could_take(who.offered, each->asked)) continue;
    each->able.insert(&who);
    each->barren_since.reset();
  }
}

void action_queue::worker_left(worker& who, steady_time now) {
  if (who.kept_for != nullptr) release(*who.kept_for);
  for (auto& [key, each] : demands_)
    if (each->able.erase(&who) > 0 && each->able.empty()) each->barren_since = now;
}

worker* action_queue::release(operation& what) noexcept {
  auto* kept = std::exchange(what.kept, nullptr);
  if (kept != nullptr) kept->kept_for = nullptr;
  return kept;
}

operation* action_queue::best_for(worker& who, steady_time now) {
  if (!who.has_slot()) return nullptr;
  if (who.kept_for != nullptr)
    return covers(who.left, who.kept_for->asks->asked.counted) ? who.kept_for : nullptr;
  operation* best = nullptr;
  operation* passed_over = nullptr;
  for (demand* each : wanted_) {
    operation* first = each->waiting.begin()->second;
    if ((best != nullptr && best->where < first->where) || !each->able.contains(&who)) continue;
    if (who.has_room_for(each->asked))
      best = first;
    else if (first->kept == nullptr && first->queued_since + passed_over_long < now &&
             (passed_over == nullptr || first->where < passed_over->where))
      passed_over = first;
  }
  if (passed_over == nullptr || (best != nullptr && best->where < passed_over->where)) return best;
  passed_over->kept = &who;
  who.kept_for = passed_over;
  return nullptr;
}

std::vector<operation*> action_queue::hopeless_since(steady_time time) {
  std::vector<operation*> result;
  for (demand* each : wanted_) {
    if (!each->barren_since || *each->barren_since >= time) continue;
    for (const auto& [where, what] : each->waiting)
      if (what->queued_since < time) result.push_back(what);
  }
  return result;
}

std::vector<operation*> action_queue::all() {
  std::vector<operation*> result;
  for (demand* each : wanted_)
    for (const auto& [where, what] : each->waiting) result.push_back(what);
  return result;
}

}  // namespace kiln::scheduling
