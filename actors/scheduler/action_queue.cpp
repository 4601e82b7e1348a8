#include "actors/scheduler/action_queue.hpp"

#include <algorithm>
#include <utility>

namespace kiln::scheduling {
namespace {

/// More than a farm has kinds of actions. Beyond it, demands that nothing refers to are dropped.
constexpr std::size_t max_idle_demands = 1024;

/// How long smaller actions may pass over one that has not enough room.
constexpr duration passed_over_long = std::chrono::seconds(30);

/// How many actions of one demand are looked at for one that this worker need not leave to others.
constexpr std::size_t max_choosy_asked = 32;

bool leaves(const worker& who, const operation& what) noexcept {
  return what.avoids(who.profile.name) || (what.apart() && !who.apart.empty());
}

}  // namespace

std::shared_ptr<demand> action_queue::demand_of(needs asked, const worker_table& workers, steady_time now) {
  auto key = asked.key();
  if (auto found = demands_.find(key); found != demands_.end()) return found->second;
  if (demands_.size() >= sweep_at_) drop_idle_demands();
  auto made = std::make_shared<demand>();
  made->asked = std::move(asked);
  made->key = key;
  made->number = ++demands_made_;
  for (const auto& [number, kind] : workers.kinds()) {
    ++steps_;
    if (could_take(kind->offered, made->asked)) made->able.push_back({kind.get(), {}});
  }
  if (made->able.empty()) made->unschedulable_since = now;
  demands_.emplace(std::move(key), made);
  return made;
}

void action_queue::drop_idle_demands() {
  std::erase_if(demands_, [](const auto& entry) { return entry.second.use_count() == 1; });
  // Twice what is left, so that a sweep is paid for by as many new demands.
  sweep_at_ = std::max(max_idle_demands, 2 * demands_.size());
}

/// Its first action may have become sooner.
void action_queue::list(demand& which) {
  auto first = which.waiting.begin()->first;
  for (auto& taker : which.able) {
    if (taker.listed && !(first < *taker.listed)) continue;
    ++steps_;
    if (taker.listed) taker.kind->waiting.erase(*taker.listed);
    taker.kind->waiting.emplace(first, &which);
    taker.listed = first;
  }
}

void action_queue::push(operation& what) {
  auto& asks = *what.asks;
  auto [entry, is_new] = asks.waiting.emplace(what.where, &what);
  if (!is_new) return;
  ++size_;
  if (what.choosy()) ++asks.choosy;
  if (entry == asks.waiting.begin()) list(asks);
  if (asks.unschedulable_since) unschedulable_.emplace(moment{*asks.unschedulable_since, asks.number}, &asks);
}

void action_queue::remove(operation& what) {
  auto& asks = *what.asks;
  if (asks.waiting.erase(what.where) == 0) return;
  if (what.choosy()) --asks.choosy;
  --size_;
  if (!asks.waiting.empty()) return;
  if (asks.unschedulable_since) unschedulable_.erase({*asks.unschedulable_since, asks.number});
  for (auto& taker : asks.able)
    if (taker.listed) taker.kind->waiting.erase(*std::exchange(taker.listed, std::nullopt));
}

void action_queue::hasten(operation& what, std::int32_t priority) {
  if (priority >= what.where.priority) return;
  auto waits = what.asks->waiting.erase(what.where) > 0;
  what.where.priority = priority;
  if (!waits) return;
  auto entry = what.asks->waiting.emplace(what.where, &what).first;
  if (entry == what.asks->waiting.begin()) list(*what.asks);
}

void action_queue::kind_came(worker_kind& kind) {
  for (auto& [key, each] : demands_) {
    if (!could_take(kind.offered, each->asked)) continue;
    each->able.push_back({&kind, {}});
    if (each->unschedulable_since) unschedulable_.erase({*each->unschedulable_since, each->number});
    each->unschedulable_since.reset();
    each->complaint.clear();
    if (!each->waiting.empty()) list(*each);
  }
}

void action_queue::kind_left(worker_kind& kind, steady_time now) {
  for (auto& [key, each] : demands_) {
    if (std::erase_if(each->able, [&](const auto& taker) { return taker.kind == &kind; }) == 0) continue;
    if (!each->able.empty()) continue;
    each->unschedulable_since = now;
    if (!each->waiting.empty()) unschedulable_.emplace(moment{now, each->number}, each.get());
  }
  kind.waiting.clear();
}

worker* action_queue::release(operation& what) noexcept {
  auto* kept = std::exchange(what.kept, nullptr);
  if (kept != nullptr) kept->kept_for = nullptr;
  return kept;
}

worker* action_queue::free_for(const operation& what) const {
  const auto& asks = *what.asks;
  // Where others wait for the same, no worker has room for it.
  if (asks.waiting.size() > asks.choosy) return nullptr;
  worker* best = nullptr;
  for (const auto& taker : asks.able) {
    std::size_t asked = 0;
    for (auto* each : taker.kind->ready) {
      if (++asked > max_asked || (best != nullptr && !worker_kind::less_loaded{}(each, best))) break;
      ++steps_;
      if (!each->has_room_for(asks.asked) || leaves(*each, what)) continue;
      best = each;
      break;
    }
  }
  return best;
}

/// The first of a demand that this worker may be given: some it must leave to others.
operation* action_queue::first_for(const demand& which, const worker& who) const {
  std::size_t asked = 0;
  for (const auto& [where, what] : which.waiting) {
    ++steps_;
    if (!leaves(who, *what)) return what;
    if (++asked == max_choosy_asked) break;
  }
  return nullptr;
}

operation* action_queue::best_for(worker& who, steady_time now) {
  if (!who.has_slot() || who.kind == nullptr) return nullptr;
  if (who.kept_for != nullptr)
    return covers(who.left, who.kept_for->asks->asked.counted) ? who.kept_for : nullptr;
  auto& waiting = who.kind->waiting;
  operation* passed_over = nullptr;
  std::size_t asked = 0;
  for (auto entry = waiting.begin(); entry != waiting.end() && asked < max_asked;) {
    ++steps_;
    auto [listed, which] = *entry;
    if (auto first = which->waiting.begin()->first; listed != first) {
      // It stands where it stood before its first was taken.
      entry = waiting.erase(entry);
      for (auto& taker : which->able)
        if (taker.kind == who.kind) taker.listed.reset();
      list(*which);
      if (entry == waiting.end() || first < entry->first) entry = waiting.find(first);
      continue;
    }
    ++entry;
    ++asked;
    auto* first = first_for(*which, who);
    if (first == nullptr) continue;
    if (who.has_room_for(which->asked)) {
      if (passed_over == nullptr) return first;
      break;
    }
    if (passed_over == nullptr && first->kept == nullptr && first->queued_since + passed_over_long < now)
      passed_over = first;
  }
  if (passed_over == nullptr) return nullptr;
  passed_over->kept = &who;
  who.kept_for = passed_over;
  return nullptr;
}

std::vector<demand*> action_queue::unschedulable_since(steady_time time) const {
  std::vector<demand*> result;
  for (const auto& [since, which] : unschedulable_) {
    if (since.first >= time) break;
    result.push_back(which);
  }
  return result;
}

std::vector<operation*> action_queue::all() {
  std::vector<operation*> result;
  for (const auto& [key, each] : demands_)
    for (const auto& [where, what] : each->waiting) result.push_back(what);
  std::sort(result.begin(), result.end(),
            [](const operation* left, const operation* right) { return left->where < right->where; });
  return result;
}

}  // namespace kiln::scheduling
