#include "actors/scheduler/operation.hpp"

#include <algorithm>

namespace kiln::scheduling {

stage stage_of(phase now) noexcept {
  switch (now) {
    case phase::queued:
    case phase::given:
      return stage::queued;
    case phase::running:
    case phase::recording:
      return stage::executing;
    case phase::done:
      break;
  }
  return stage::completed;
}

operation_state operation::state() const {
  operation_state result{name, action.action, stage_of(now), {}};
  if (now == phase::done) result.outcome = outcome;
  return result;
}

operation& operation_table::add(std::unique_ptr<operation> made) {
  operation& added = *made;
  if (!added.action.do_not_cache) joinable_[{added.action.instance, added.action.action}] = &added;
  added.abandoned_since = added.queued_since;
  abandoned_.emplace(added.abandoned_since, &added);
  by_name_.emplace(added.name, std::move(made));
  return added;
}

operation* operation_table::find(const std::string& name) noexcept {
  auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second.get();
}

operation* operation_table::find_joinable(const std::string& instance, const digest& action) noexcept {
  auto found = joinable_.find({instance, action});
  return found == joinable_.end() ? nullptr : found->second;
}

void operation_table::listen(operation& to, listener_id who) {
  if (to.now == phase::done) return;
  if (to.listeners.empty()) abandoned_.erase({to.abandoned_since, &to});
  for (auto& [listener, times] : to.listeners)
    if (listener == who) {
      ++times;
      return;
    }
  to.listeners.emplace_back(who, 1);
}

void operation_table::unlisten(operation& from, listener_id who, steady_time now) {
  auto found = std::find_if(from.listeners.begin(), from.listeners.end(),
                            [&](const auto& listener) { return listener.first == who; });
  if (found == from.listeners.end() || --found->second > 0) return;
  from.listeners.erase(found);
  if (!from.listeners.empty()) return;
  from.abandoned_since = now;
  abandoned_.emplace(now, &from);
}

void operation_table::listener_gone(listener_id who, steady_time now) {
  for (auto& [name, each] : by_name_)
    for (auto& [listener, times] : each->listeners)
      if (listener == who) {
        times = 1;
        unlisten(*each, who, now);
        break;
      }
}

std::vector<operation*> operation_table::abandoned_before(steady_time time) {
  std::vector<operation*> result;
  for (const auto& [since, which] : abandoned_) {
    if (since >= time) break;
    result.push_back(which);
  }
  return result;
}

void operation_table::retire(operation& what, steady_time now) {
  what.now = phase::done;
  what.done_since = now;
  what.asks.reset();
  what.worker_id.clear();
  if (what.listeners.empty()) abandoned_.erase({what.abandoned_since, &what});
  what.listeners.clear();
  if (auto found = joinable_.find({what.action.instance, what.action.action});
      found != joinable_.end() && found->second == &what)
    joinable_.erase(found);
  // What only a worker needs is not kept for the minutes that the name is remembered.
  what.action.command = {};
  what.action.platform.clear();
  what.action.request_metadata.clear();
  done_.push_back(&what);
}

void operation_table::forget(steady_time time, std::size_t most) {
  while (!done_.empty() && (done_.front()->done_since < time || done_.size() > most)) {
    auto name = done_.front()->name;
    done_.pop_front();
    by_name_.erase(name);
  }
}

std::vector<operation_state> operation_table::list(const std::string& after, std::size_t limit) const {
  std::vector<const operation*> behind;
  for (const auto& [name, each] : by_name_)
    if (name > after) behind.push_back(each.get());
  auto end = behind.begin() + static_cast<std::ptrdiff_t>(std::min(limit, behind.size()));
  std::partial_sort(behind.begin(), end, behind.end(),
                    [](const auto* left, const auto* right) { return left->name < right->name; });
  std::vector<operation_state> result;
  for (auto next = behind.begin(); next != end; ++next) result.push_back((*next)->state());
  return result;
}

}  // namespace kiln::scheduling
