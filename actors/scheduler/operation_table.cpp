#include "actors/scheduler/operation_table.hpp"

#include <algorithm>

namespace kiln::scheduling {

operation& operation_table::add(std::shared_ptr<operation> made) {
  operation& added = *made;
  if (!added.action.do_not_cache) joinable_[{added.action.instance, added.action.action}] = &added;
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

claim& operation_table::claim_for(operation& what, std::string name, steady_time now) {
  claim& made = claims_[name];
  made.name = std::move(name);
  made.number = ++claimed_;
  made.of = by_name_.at(what.name);
  made.abandoned_since = now;
  abandoned_.emplace(moment{now, made.number}, &made);
  what.claims.push_back(&made);
  return made;
}

claim* operation_table::find_claim(const std::string& name) noexcept {
  auto found = claims_.find(name);
  return found == claims_.end() ? nullptr : &found->second;
}

void operation_table::listen(claim& to, listener_id who) {
  if (to.over()) return;
  if (to.listeners.empty()) abandoned_.erase({to.abandoned_since, to.number});
  for (auto& [listener, times] : to.listeners)
    if (listener == who) {
      ++times;
      return;
    }
  to.listeners.emplace_back(who, 1);
}

bool operation_table::unlisten(claim& from, listener_id who, steady_time now) {
  auto found = std::find_if(from.listeners.begin(), from.listeners.end(),
                            [&](const auto& listener) { return listener.first == who; });
  if (found == from.listeners.end() || --found->second > 0) return false;
  from.listeners.erase(found);
  if (!from.listeners.empty()) return false;
  from.abandoned_since = now;
  abandoned_.emplace(moment{now, from.number}, &from);
  return true;
}

void operation_table::listener_gone(listener_id who, steady_time now) {
  for (auto& [name, each] : claims_)
    for (auto& [listener, times] : each.listeners)
      if (listener == who) {
        times = 1;
        unlisten(each, who, now);
        break;
      }
}

std::vector<claim*> operation_table::abandoned_before(steady_time time) const {
  std::vector<claim*> result;
  for (const auto& [since, which] : abandoned_) {
    if (since.first >= time) break;
    result.push_back(which);
  }
  return result;
}

void operation_table::end(claim& which, steady_time now) {
  if (which.listeners.empty()) abandoned_.erase({which.abandoned_since, which.number});
  which.listeners.clear();
  done_.push_back({now, which.name});
}

void operation_table::cancel(claim& which, steady_time now) {
  which.cancelled = true;
  std::erase(which.of->claims, &which);
  end(which, now);
}

void operation_table::retire(operation& what, steady_time now) {
  what.now = phase::done;
  what.asks.reset();
  what.worker_id.clear();
  if (auto found = joinable_.find({what.action.instance, what.action.action});
      found != joinable_.end() && found->second == &what)
    joinable_.erase(found);
  // What only a worker needs is not kept for the minutes that the name is remembered.
  what.action.command = {};
  what.action.platform.clear();
  what.action.request_metadata.clear();
  what.attempts.clear();
  retained_bytes_ += what.outcome.result.size();
  for (auto* each : what.claims) end(*each, now);
  // Workers' late words about it find nothing; the claims keep what is left.
  auto itself = by_name_.extract(what.name);
  if (what.claims.empty()) retained_bytes_ -= what.outcome.result.size();
}

void operation_table::drop(const std::string& name) {
  auto found = claims_.find(name);
  if (found == claims_.end()) return;
  auto& what = *found->second.of;
  if (std::erase(what.claims, &found->second) > 0 && what.claims.empty())
    retained_bytes_ -= what.outcome.result.size();
  claims_.erase(found);
}

void operation_table::forget(steady_time time, const bounds& most) {
  while (!done_.empty() &&
         (done_.front().since < time || done_.size() > most.most || retained_bytes_ > most.bytes)) {
    drop(done_.front().name);
    done_.pop_front();
  }
}

std::vector<operation_state> operation_table::list(const std::string& after, std::size_t limit) const {
  std::vector<operation_state> result;
  for (auto next = claims_.upper_bound(after); next != claims_.end() && result.size() < limit; ++next)
    result.push_back(next->second.state());
  return result;
}

}  // namespace kiln::scheduling
