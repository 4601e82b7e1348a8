#include <algorithm>

#include "actors/scheduler/dispatcher.hpp"

/// The half of the dispatcher that faces the workers.
namespace kiln::scheduling {
namespace {

constexpr std::uint32_t max_slots = 65'536;
constexpr std::size_t longest_name = 256;

/// What took its worker's process down twice does so again.
action_outcome as_its_own_fault(const action_outcome& outcome) {
  auto sentence = fmt::format("the action was lost twice in the same way: {}", outcome.status.message());
  return {{errc::failed_precondition, std::move(sentence)}, {}, 0, false, fault_owner::action};
}

}  // namespace

expected<worker_welcome> dispatcher::admit(const worker_profile& profile, steady_time now) {
  now_ = now;
  if (profile.name.empty() || profile.name.size() > longest_name)
    return fail(errc::invalid_argument, "a worker's name has 1 to {} bytes", longest_name);
  if (profile.slots == 0 || profile.slots > max_slots)
    return fail(errc::invalid_argument, "worker {} offers {} slots; 1 to {} are possible", profile.name,
                profile.slots, max_slots);
  if (auto* known = workers_.find_by_name(profile.name)) {
    // The same process again: its old connection is dead, whether or not that was noticed.
    bool idle = known->held.empty() && profile.running.empty();
    if (known->profile.epoch == profile.epoch && !(draining_ && idle)) return take_back(*known, profile);
    if (known->profile.epoch != profile.epoch && !known->away)
      return fail(errc::already_exists, "a live worker is called {} already", profile.name);
    lost(known->id, "its process was started anew", now);
  }
  if (draining_) return fail(errc::unavailable, "the scheduler is shutting down");
  auto offered = offer_of(profile.properties, rules_);
  if (!offered) return with_context(offered.error(), "worker {}", profile.name);
  if (!profile.running.empty())
    return fail(errc::failed_precondition, "worker {} came back too late: its actions were given up",
                profile.name);
  if (workers_.all().size() >= options_.max_workers)
    return fail(errc::resource_exhausted, "{} workers are connected, and more are not taken",
                workers_.all().size());

  auto made = std::make_unique<worker>();
  made->id = profile.name + "/" + hex_id();
  made->profile = profile;
  made->registered_slots = profile.slots;
  made->left = offered->counted;
  made->offered = std::move(*offered);
  made->offered.longest = profile.max_timeout;
  made->heard = now;
  auto& added = workers_.add(std::move(made));
  join(added);
  return welcome(added);
}

void dispatcher::join(worker& which) {
  if (auto* kind = workers_.join_kind(which)) queue_.kind_came(*kind);
}

/// Unschedules it.
void dispatcher::withdraw_worker(worker& which) {
  if (which.kept_for != nullptr) queue_.release(*which.kept_for);
  if (auto* kind = workers_.leave_kind(which)) {
    queue_.kind_left(*kind, now_);
    workers_.drop(*kind);
  }
}

void dispatcher::ready(const std::string& worker_id) {
  auto* who = workers_.find(worker_id);
  if (who == nullptr) return;
  if (who->claims) go_on(*who);
  if (auto* still = workers_.find(worker_id)) fill(*still);
}

void dispatcher::beat(const std::string& worker_id, steady_time now) {
  now_ = now;
  if (auto* who = workers_.find(worker_id)) who->heard = now;
}

void dispatcher::fill(worker& which) {
  while (!draining_) {
    auto* next = queue_.best_for(which, now_);
    if (next == nullptr) return;
    unqueue(*next);
    assign(*next, which);
  }
}

void dispatcher::unqueue(operation& what) {
  forget_waking(what);
  queue_.remove(what);
  auto* kept = queue_.release(what);
  if (kept != nullptr && !kept->has_room_for(what.asks->asked)) fill(*kept);
}

void dispatcher::assign(operation& what, worker& to) {
  if (what.attempt == 0) what.waited = now_ - what.queued_since;
  what.now = phase::given;
  what.worker_id = to.id;
  what.shows_output = to.profile.shows_output;
  what.attempts.given(++what.attempt, to.profile.name, now_);
  ++executing_;
  if (what.action.timeout > duration::zero()) {
    what.due = now_ + what.action.timeout + options_.overrun;
    due_.emplace(moment{what.due, what.where.sequence}, &what);
  }
  workers_.occupy(to, {what.name, what.attempt}, what.asks->asked.counted, what.apart());
  out_.start(to.id, {what.name, what.attempt, what.action});
}

void dispatcher::started(const action_started& news, steady_time now) {
  beat(news.worker_id, now);
  auto* who = workers_.find(news.worker_id);
  if (who == nullptr) return;
  auto* what = operations_.find(news.operation);
  bool ours = what != nullptr && what->attempt == news.attempt && what->worker_id == news.worker_id;
  if (!ours) {
    // A kill that is on its way already is not repeated.
    if (!who->held.contains({news.operation, news.attempt}))
      out_.kill(news.worker_id, {news.operation, news.attempt, "this attempt was given up"});
    return;
  }
  if (what->now != phase::given) return;
  what->now = phase::running;
  what->attempts.began(now_);
  tell_all(*what);
}

void dispatcher::finished(const action_finished& news, steady_time now) {
  beat(news.worker_id, now);
  auto* who = workers_.find(news.worker_id);
  if (who == nullptr || !workers_.vacate(*who, {news.operation, news.attempt})) return;
  auto* what = operations_.find(news.operation);
  bool ours = what != nullptr && what->attempt == news.attempt && what->worker_id == news.worker_id &&
              what->now != phase::done;
  if (ours) {
    auto owner = news.outcome.status.ok() ? fault_owner::action : owner_of(news.outcome);
    bool repeated = owner == fault_owner::suspect && what->suspicions++ > 0;
    if (owner != fault_owner::action && !repeated) {
      auto why = news.outcome.status.in_context("worker " + who->profile.name);
      if (owner != fault_owner::elsewhere) blame(*who, what->action.action, why);
      requeue(*what, why, who->profile.name);
    } else {
      clear_trouble(*who);
      conclude(*what, repeated ? as_its_own_fault(news.outcome) : news.outcome);
    }
  }
  fill(*who);
  remove_if_idle(*who);
}

void dispatcher::has_slots(const worker_slots& news, steady_time now) {
  beat(news.worker_id, now);
  auto* who = workers_.find(news.worker_id);
  if (who == nullptr) return;
  workers_.change(*who, [&](worker& w) { w.profile.slots = std::min(news.slots, w.registered_slots); });
  fill(*who);
}

void dispatcher::leaving(const std::string& worker_id, steady_time now) {
  beat(worker_id, now);
  auto* who = workers_.find(worker_id);
  if (who == nullptr) return;
  if (who->accepting) {
    withdraw_worker(*who);
    who->accepting = false;
  }
  remove_if_idle(*who);
}

void dispatcher::remove_if_idle(worker& which) {
  if (!which.accepting && which.held.empty()) remove_worker(which);
}

void dispatcher::remove_worker(worker& which) {
  auto id = which.id;
  if (which.trouble.aside) --aside_;
  withdraw_worker(which);
  workers_.remove(id);
  out_.forget_worker(id);
}

// The id by value: the worker, whose own it may be, is removed on the way.
void dispatcher::lost(std::string worker_id, const std::string& why, steady_time now) {
  now_ = now;
  auto* who = workers_.find(worker_id);
  if (who == nullptr) return;
  auto name = who->profile.name;
  auto fault = error(errc::unavailable, fmt::format("worker {}: {}", name, why));
  auto held = std::move(who->held);
  remove_worker(*who);
  std::map<place, operation*> orphans;
  for (const auto& [key, amounts] : held) {
    auto* what = operations_.find(key.operation);
    if (what != nullptr && what->attempt == key.attempt && what->worker_id == worker_id &&
        what->now != phase::done)
      orphans.emplace(what->where, what);
  }
  for (const auto& [where, what] : orphans) requeue(*what, fault, name);
}

void dispatcher::give_up_silent_workers() {
  auto patience = options_.heartbeat_interval * options_.heartbeats_missed;
  for (const auto& id : workers_.silent_since(now_ - patience)) {
    out_.dismiss(id, {"the scheduler has not heard from the worker for too long", true});
    lost(id, "nothing was heard from it any more", now_);
  }
}

void dispatcher::drop_silent_workers() {
  while (!kills_.empty() && kills_.front().since + options_.kill_timeout < now_) {
    auto kill = std::move(kills_.front());
    kills_.pop_front();
    auto* who = workers_.find(kill.worker_id);
    if (who == nullptr || !who->held.contains(kill.what)) continue;
    out_.dismiss(kill.worker_id, {"an action that was to be stopped did not end", true});
    lost(kill.worker_id, "it did not stop an action when it was told to", now_);
  }
}

}  // namespace kiln::scheduling
