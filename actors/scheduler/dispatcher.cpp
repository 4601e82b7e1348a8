#include "actors/scheduler/dispatcher.hpp"

#include "core/wire/status.hpp"

namespace kiln::scheduling {
namespace {

constexpr duration retry_soon = std::chrono::seconds(1);

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
  auto asked = needs_of(order.action.platform, rules_);
  if (!asked) return fail(asked.error());

  operation* joined = nullptr;
  if (!order.action.do_not_cache)
    joined = operations_.find_joinable(order.action.instance, order.action.action);
  // What has been given to a worker began before a fresh request was made.
  if (joined != nullptr && order.fresh && joined->attempt > 0) joined = nullptr;
  if (joined != nullptr) {
    queue_.hasten(*joined, order.priority);
  } else {
    if (queue_.size() >= options_.max_queued)
      return fail(
          error(errc::resource_exhausted,
                fmt::format("{} actions are waiting for a worker, and more are not taken", queue_.size()))
              .add_detail(retry_info(retry_soon)));
    joined = &enqueue(order, std::move(*asked));
  }
  if (who) operations_.listen(*joined, *who);
  return joined->state();
}

operation& dispatcher::enqueue(const submit_action& order, needs asked) {
  auto made = std::make_unique<operation>();
  made->name = new_name(order.action.instance);
  made->action = order.action;
  made->where = {order.priority, ++sequence_};
  made->asks = queue_.demand_of(std::move(asked), workers_, now_);
  made->queued_since = now_;
  operation& added = operations_.add(std::move(made));
  worker* free = nullptr;
  // Where others wait for the same, no worker has room for it.
  if (!draining_ && added.asks->waiting.empty())
    free = workers_.pick([&](const worker& each) {
      return added.asks->able.contains(&each) && each.has_room_for(added.asks->asked);
    });
  if (free != nullptr)
    assign(added, *free);
  else
    queue_.push(added);
  return added;
}

expected<operation_state> dispatcher::watch(const std::string& name, std::optional<listener_id> who) {
  auto* found = operations_.find(name);
  if (found == nullptr) return no_operation(name);
  if (who) operations_.listen(*found, *who);
  return found->state();
}

void dispatcher::unwatch(const std::string& name, listener_id who, steady_time now) {
  now_ = now;
  if (auto* found = operations_.find(name)) operations_.unlisten(*found, who, now_);
}

void dispatcher::listener_gone(listener_id who, steady_time now) {
  now_ = now;
  operations_.listener_gone(who, now_);
}

expected<operation_state> dispatcher::cancel(const std::string& name, steady_time now) {
  now_ = now;
  auto* found = operations_.find(name);
  if (found == nullptr) return no_operation(name);
  if (found->now != phase::done) {
    withdraw(*found, "the client cancelled the operation");
    complete(*found, without_result({errc::cancelled, "the operation was cancelled"}));
  }
  return found->state();
}

std::vector<operation_state> dispatcher::list(const std::string& after, std::size_t limit) const {
  return operations_.list(after, limit);
}

void dispatcher::recorded(const std::string& name, std::uint64_t attempt, steady_time now) {
  now_ = now;
  auto* found = operations_.find(name);
  if (found == nullptr || found->now != phase::recording || found->attempt != attempt) return;
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
  for (auto* each : queue_.all()) {
    unqueue(*each);
    complete(*each, without_result(unavailable("the scheduler is shutting down")));
  }
}

void dispatcher::tick(steady_time now) {
  now_ = now;
  give_up_silent_workers();
  give_up_deaf_workers();
  cancel_abandoned();
  stop_overdue();
  refuse_hopeless();
  operations_.forget(now_ - options_.retain_for, options_.max_retained);
}

scheduler_figures dispatcher::figures() const noexcept {
  scheduler_figures result{queue_.size(), executing_, workers_.all().size(), 0};
  for (const auto& [id, each] : workers_.all()) result.slots += each->profile.slots;
  return result;
}

void dispatcher::cancel_abandoned() {
  for (auto* each : operations_.abandoned_before(now_ - options_.abandon_after)) {
    withdraw(*each, "no client waits for the action any more");
    complete(*each, without_result({errc::cancelled, "no client waited for the operation any more"}));
  }
}

void dispatcher::stop_overdue() {
  while (!due_.empty() && due_.begin()->first < now_) {
    operation& late = *due_.begin()->second;
    auto sentence =
        fmt::format("the action had a timeout of {} s, and {} s for what goes before and after it",
                    std::chrono::duration_cast<std::chrono::seconds>(late.action.timeout).count(),
                    std::chrono::duration_cast<std::chrono::seconds>(options_.overrun).count());
    withdraw(late, "its time is over");
    complete(late, without_result({errc::deadline_exceeded, std::move(sentence)}));
  }
}

void dispatcher::refuse_hopeless() {
  auto hopeless = queue_.hopeless_since(now_ - options_.unmatched_wait);
  if (hopeless.empty()) return;
  std::vector<const offer*> offers;
  for (const auto& [id, live] : workers_.all())
    if (live->accepting) offers.push_back(&live->offered);
  for (auto* each : hopeless) {
    auto why = offers.empty() ? unavailable("no worker is connected")
                              : error(errc::failed_precondition, explain_mismatch(each->asks->asked, offers));
    unqueue(*each);
    complete(*each, without_result(std::move(why)));
  }
}

void dispatcher::stop_executing(operation& what) {
  due_.erase({what.due, &what});
  --executing_;
}

void dispatcher::withdraw(operation& what, const std::string& reason) {
  if (what.now == phase::queued) return unqueue(what);
  stop_executing(what);
  if (what.now == phase::recording) return;
  out_.kill(what.worker_id, {what.name, what.attempt, reason});
  kills_.push_back({now_, what.worker_id, {what.name, what.attempt}});
}

void dispatcher::requeue(operation& what, const error& why) {
  stop_executing(what);
  ++what.failures;
  if (closed_) return complete(what, without_result(unavailable("the scheduler is shutting down")));
  if (what.failures > options_.max_retries) {
    auto sentence =
        fmt::format("the action was tried {} times and no worker brought it to an end; the last time: {}",
                    what.failures, why.to_string());
    return complete(what, without_result({errc::internal, std::move(sentence)}));
  }
  bool was_running = what.now == phase::running;
  what.now = phase::queued;
  what.worker_id.clear();
  queue_.push(what);
  if (was_running) tell_all(what);
}

void dispatcher::settle(operation& what, action_outcome outcome) {
  bool keep = outcome.status.ok() && outcome.exit_code == 0 && !what.action.do_not_cache;
  if (!keep) {
    stop_executing(what);
    return complete(what, std::move(outcome));
  }
  due_.erase({what.due, &what});
  what.now = phase::recording;
  what.worker_id.clear();
  what.outcome = std::move(outcome);
  out_.record(what);
}

void dispatcher::complete(operation& what, action_outcome outcome) {
  what.outcome = std::move(outcome);
  what.now = phase::done;
  tell_all(what);
  out_.ended(what);
  operations_.retire(what, now_);
}

void dispatcher::tell_all(const operation& what) {
  auto news = what.state();
  for (const auto& [who, times] : what.listeners) out_.tell(who, news);
}

std::string dispatcher::new_name(const std::string& instance) {
  return instance + (instance.empty() ? "operations/" : "/operations/") + hex_id();
}

std::string dispatcher::hex_id() {
  return fmt::format("{:016x}{:016x}", random_.next(), random_.next());
}

}  // namespace kiln::scheduling
