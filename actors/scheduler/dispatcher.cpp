#include "actors/scheduler/dispatcher.hpp"

#include "core/wire/status.hpp"

namespace kiln::scheduling {
namespace {

constexpr duration retry_soon = std::chrono::seconds(1);

/// Since when nobody can take an action: workers that restart are back by then.
constexpr duration complain_after = std::chrono::seconds(5);
/// Clients that are told something at one tick, and lines in the log: others have their turn between.
constexpr std::size_t max_told_at_once = 500;
constexpr std::size_t max_logged_at_once = 5;

action_outcome without_result(error status) {
  return {std::move(status), {}, 0, false};
}

error unavailable(std::string sentence) {
  return error(errc::unavailable, std::move(sentence)).add_detail(retry_info(retry_soon));
}

failure no_operation(const std::string& name) {
  return fail(errc::not_found, "there is no operation {}; it may have been forgotten since it ended", name);
}

}  // namespace

dispatcher::dispatcher(const scheduler_options& options, random_source& random, outbox& out)
    : options_(options), rules_(rules_of(options)), random_(random), out_(out) {}

expected<operation_state> dispatcher::submit(const submit_action& order, std::optional<listener_id> who,
                                             steady_time now) {
  now_ = now;
  if (closed_) return fail(unavailable("the scheduler is shutting down"));
  auto asked = needs_of(order.action.platform, order.action.timeout, rules_);
  if (!asked) return fail(asked.error());
  if (auto undeclared = explain_undeclared(*asked, options_.platforms); !undeclared.empty())
    return fail(error(errc::failed_precondition, std::move(undeclared)));

  operation* joined = nullptr;
  if (!order.action.do_not_cache)
    joined = operations_.find_joinable(order.action.instance, order.action.action);
  // What has been given to a worker began before a fresh request was made.
  if (joined != nullptr && order.fresh && joined->attempt > 0) joined = nullptr;
  claim* made = nullptr;
  if (joined != nullptr) {
    queue_.hasten(*joined, order.priority);
    made = &operations_.claim_for(*joined, new_name(order.action.instance), now_);
  } else {
    if (queue_.size() + resting_ >= options_.max_queued)
      return fail(error(errc::resource_exhausted,
                        fmt::format("{} actions are waiting for a worker, and more are not taken",
                                    queue_.size() + resting_))
                      .add_detail(retry_info(retry_soon)));
    auto& added = enqueue(order, std::move(*asked));
    made = &operations_.claim_for(added, added.name, now_);
    place_or_queue(added);
  }
  if (who) operations_.listen(*made, *who);
  return made->state();
}

operation& dispatcher::enqueue(const submit_action& order, needs asked) {
  auto made = std::make_shared<operation>();
  made->name = new_name(order.action.instance);
  made->action = order.action;
  made->where = {order.priority, ++sequence_};
  made->asks = queue_.demand_of(std::move(asked), workers_, now_);
  made->queued_since = now_;
  return operations_.add(std::move(made));
}

void dispatcher::place_or_queue(operation& what) {
  auto* free = draining_ ? nullptr : queue_.free_for(what);
  if (free != nullptr)
    assign(what, *free);
  else
    queue_.push(what);
}

expected<operation_state> dispatcher::watch(const std::string& name, std::optional<listener_id> who) {
  auto* found = operations_.find_claim(name);
  if (found == nullptr) return no_operation(name);
  if (who) operations_.listen(*found, *who);
  return found->state();
}

void dispatcher::unwatch(const std::string& name, listener_id who, bool for_good, steady_time now) {
  now_ = now;
  auto* found = operations_.find_claim(name);
  if (found == nullptr || !operations_.unlisten(*found, who, now_) || !for_good) return;
  end_claim(*found, "the client cancelled its request");
  // Should it come back all the same, through a proxy that keeps connections of its own, it executes anew.
  operations_.drop(name);
}

void dispatcher::listener_gone(listener_id who, steady_time now) {
  now_ = now;
  operations_.listener_gone(who, now_);
}

expected<operation_state> dispatcher::cancel(const std::string& name, steady_time now) {
  now_ = now;
  auto* found = operations_.find_claim(name);
  if (found == nullptr) return no_operation(name);
  if (!found->over()) end_claim(*found, "the client cancelled the operation");
  return found->state();
}

void dispatcher::end_claim(claim& which, const std::string& reason) {
  auto what = which.of;
  // With the last client the operation itself ends, and that is what it is told.
  if (what->claims.size() == 1) {
    withdraw(*what, reason);
    return complete(*what, without_result({errc::cancelled, "the operation was cancelled: " + reason}));
  }
  which.cancelled = true;
  tell(which);
  operations_.cancel(which, now_);
}

std::vector<operation_state> dispatcher::list(const std::string& after, std::size_t limit) const {
  return operations_.list(after, limit);
}

void dispatcher::recorded(const std::string& name, std::uint64_t attempt, steady_time now, bool logged) {
  now_ = now;
  auto* found = operations_.find(name);
  if (found == nullptr || found->now != phase::recording || found->attempt != attempt) return;
  if (!logged) found->outcome.attempts_log.reset();
  stop_executing(*found);
  complete(*found, std::move(found->outcome));
}

void dispatcher::drain() {
  draining_ = true;
  for (const auto& [id, each] : workers_.all()) out_.dismiss(id, {"the scheduler is shutting down", false});
}

void dispatcher::close(steady_time now) {
  now_ = now;
  draining_ = closed_ = true;
  auto waiting = queue_.all();
  for (const auto& [when, each] : rests_)
    if (!each->asks->waiting.contains(each->where)) waiting.push_back(each);
  for (auto* each : waiting) {
    unqueue(*each);
    complete(*each, without_result(unavailable("the scheduler is shutting down")));
  }
}

void dispatcher::tick(steady_time now) {
  now_ = now;
  give_up_silent_workers();
  drop_silent_workers();
  cancel_abandoned();
  stop_overdue();
  warn_of_unschedulable();
  refuse_hopeless();
  take_back_workers();
  wake_rested();
  operations_.forget(now_ - options_.retain_for,
                     {options_.max_retained, static_cast<std::uint64_t>(options_.max_retained_bytes.bytes)});
}

scheduler_stats dispatcher::stats() const noexcept {
  scheduler_stats result{queue_.size() + resting_, executing_, workers_.all().size(), 0, aside_};
  for (const auto& [id, each] : workers_.all()) result.slots += each->profile.slots;
  return result;
}

void dispatcher::cancel_abandoned() {
  for (auto* each : operations_.abandoned_before(now_ - options_.abandon_after))
    end_claim(*each, "no client waited for it any more");
}

void dispatcher::stop_overdue() {
  while (!due_.empty() && due_.begin()->first.first < now_) {
    operation& late = *due_.begin()->second;
    auto sentence =
        fmt::format("the action had a timeout of {} s, and {} s for what goes before and after it",
                    std::chrono::duration_cast<std::chrono::seconds>(late.action.timeout).count(),
                    std::chrono::duration_cast<std::chrono::seconds>(options_.overrun).count());
    withdraw(late, "its time is over");
    complete(late, without_result({errc::deadline_exceeded, std::move(sentence)}));
  }
}

error dispatcher::why_unschedulable(const demand& which) const {
  std::vector<const offer*> offers;
  for (const auto& [number, kind] : workers_.kinds()) offers.push_back(&kind->offered);
  if (offers.empty()) return unavailable("no worker is connected");
  return {errc::failed_precondition, explain_mismatch(which.asked, offers)};
}

/// Long before they are refused, those who wait are told why: a worker that is missing can be started.
void dispatcher::warn_of_unschedulable() {
  std::size_t told = 0;
  std::size_t logged = 0;
  for (auto* each : queue_.unschedulable_since(now_ - complain_after)) {
    if (!each->complaint.empty()) continue;
    if (told >= max_told_at_once) return;
    each->complaint = why_unschedulable(*each).message();
    if (++logged <= max_logged_at_once) out_.in_vain(each->complaint, each->waiting.size());
    told += each->waiting.size();
    for (const auto& [where, what] : each->waiting) tell_all(*what);
  }
}

void dispatcher::refuse_hopeless() {
  auto limit = now_ - options_.unmatched_wait;
  std::size_t refused = 0;
  for (auto* each : queue_.unschedulable_since(limit)) {
    auto asks = each->waiting.begin()->second->asks;  // outlives them
    std::optional<error> why;
    // Each ends with a message to its clients: what is more than that has time until the next tick.
    for (auto next = asks->waiting.begin(); next != asks->waiting.end() && refused < max_told_at_once;) {
      auto* what = (next++)->second;
      if (what->queued_since >= limit) continue;
      if (!why) why = why_unschedulable(*asks);
      ++refused;
      unqueue(*what);
      complete(*what, without_result(*why));
    }
  }
}

void dispatcher::stop_executing(operation& what) {
  due_.erase({what.due, what.where.sequence});
  --executing_;
}

void dispatcher::withdraw(operation& what, const std::string& reason) {
  if (what.now == phase::queued) return unqueue(what);
  stop_executing(what);
  if (what.now == phase::recording) return;
  out_.kill(what.worker_id, {what.name, what.attempt, reason});
  kills_.push_back({now_, what.worker_id, {what.name, what.attempt}});
}

void dispatcher::complete(operation& what, action_outcome outcome) {
  what.outcome = std::move(outcome);
  what.now = phase::done;
  tell_all(what);
  out_.ended(what);
  operations_.retire(what, now_);
}

void dispatcher::tell_all(const operation& what) {
  for (const auto* each : what.claims) tell(*each);
}

void dispatcher::tell(const claim& whom) {
  auto news = whom.state();
  for (const auto& [who, times] : whom.listeners) out_.tell(who, news);
}

std::string dispatcher::new_name(const std::string& instance) {
  return instance + (instance.empty() ? "operations/" : "/operations/") + hex_id();
}

std::string dispatcher::hex_id() {
  return fmt::format("{:016x}{:016x}", random_.next(), random_.next());
}

}  // namespace kiln::scheduling
