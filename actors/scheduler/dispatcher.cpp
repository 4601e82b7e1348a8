#include "actors/scheduler/dispatcher.hpp"

#include "core/wire/status.hpp"

namespace kiln::scheduling {
namespace {

constexpr duration retry_soon = std::chrono::seconds(1);

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
  if (draining_) return fail(unavailable("the scheduler is shutting down"));
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
    joined = &enqueue(order, std::move(*asked), now);
  }
  if (who) operations_.listen(*joined, *who);
  return joined->state();
}

operation& dispatcher::enqueue(const submit_action& order, needs asked, steady_time now) {
  auto made = std::make_unique<operation>();
  made->name = new_name(order.action.instance);
  made->action = order.action;
  made->where = {order.priority, ++sequence_};
  made->asks = queue_.demand_of(std::move(asked), workers_, now);
  made->queued_since = now;
  operation& added = operations_.add(std::move(made));
  // Where others wait for the same, no worker has room for it.
  bool first = added.asks->waiting.empty();
  worker* free = nullptr;
  if (first)
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
  if (auto* found = operations_.find(name)) operations_.unlisten(*found, who, now);
}

void dispatcher::listener_gone(listener_id who, steady_time now) {
  operations_.listener_gone(who, now);
}

expected<operation_state> dispatcher::cancel(const std::string& name, steady_time now) {
  auto* found = operations_.find(name);
  if (found == nullptr) return no_operation(name);
  if (found->now != phase::done) {
    withdraw(*found, now, "the client cancelled the operation");
    complete(*found, {error(errc::cancelled, "the operation was cancelled"), {}, 0, false}, now);
  }
  return found->state();
}

std::vector<operation_state> dispatcher::list(const std::string& after, std::size_t limit) const {
  return operations_.list(after, limit);
}

void dispatcher::withdraw(operation& what, steady_time now, const std::string& reason) {
  if (what.now == phase::queued) {
    queue_.remove(what);
    return;
  }
  --executing_;
  if (what.now == phase::recording) return;
  out_.kill(what.worker_id, {what.name, what.attempt, reason});
  kills_.push_back({now, what.worker_id, {what.name, what.attempt}});
}

void dispatcher::requeue(operation& what, const error& why, steady_time now) {
  --executing_;
  ++what.failures;
  if (draining_) {
    complete(what, {unavailable("the scheduler is shutting down"), {}, 0, false}, now);
    return;
  }
  if (what.failures > options_.max_retries) {
    auto sentence =
        fmt::format("the action was tried {} times and no worker brought it to an end; the last time: {}",
                    what.failures, why.to_string());
    complete(what, {error(errc::internal, std::move(sentence)), {}, 0, false}, now);
    return;
  }
  bool was_running = what.now == phase::running;
  what.now = phase::queued;
  what.worker_id.clear();
  queue_.push(what);
  if (was_running) tell_all(what);
}

void dispatcher::complete(operation& what, action_outcome outcome, steady_time now) {
  what.outcome = std::move(outcome);
  what.now = phase::done;
  tell_all(what);
  operations_.retire(what, now);
}

void dispatcher::tell_all(const operation& what) {
  auto news = what.state();
  for (const auto& [who, times] : what.listeners) out_.tell(who, news);
}

void dispatcher::recorded(const std::string& name, std::uint64_t attempt, steady_time now) {
  auto* found = operations_.find(name);
  if (found == nullptr || found->now != phase::recording || found->attempt != attempt) return;
  --executing_;
  complete(*found, std::move(found->outcome), now);
}

void dispatcher::drain(steady_time now) {
  draining_ = true;
  for (auto* each : queue_.all()) {
    queue_.remove(*each);
    complete(*each, {unavailable("the scheduler is shutting down"), {}, 0, false}, now);
  }
  for (const auto& [id, each] : workers_.all()) out_.dismiss(id, {"the scheduler is shutting down", false});
}

void dispatcher::give_up_hopeless(steady_time now) {
  for (auto* each : queue_.hopeless_since(now - options_.unmatched_wait)) {
    std::vector<const offer*> offers;
    for (const auto& [id, live] : workers_.all())
      if (live->accepting) offers.push_back(&live->offered);
    auto why = offers.empty() ? unavailable("no worker is connected")
                              : error(errc::failed_precondition, explain_mismatch(each->asks->asked, offers));
    queue_.remove(*each);
    complete(*each, {std::move(why), {}, 0, false}, now);
  }
}

void dispatcher::tick(steady_time now) {
  auto patience = options_.heartbeat_interval * options_.heartbeats_missed;
  for (const auto& id : workers_.silent_since(now - patience)) {
    out_.dismiss(id, {"the scheduler has not heard from the worker for too long", true});
    lost(id, "nothing was heard from it any more", now);
  }
  evict_deaf_workers(now);
  for (auto* each : operations_.abandoned_before(now - options_.abandon_after)) {
    withdraw(*each, now, "no client waits for the action any more");
    complete(*each, {error(errc::cancelled, "no client waited for the operation any more"), {}, 0, false},
             now);
  }
  give_up_hopeless(now);
  operations_.forget(now - options_.retain_for, options_.max_retained);
}

scheduler_figures dispatcher::figures() const noexcept {
  scheduler_figures result{queue_.size(), executing_, workers_.all().size(), 0};
  for (const auto& [id, each] : workers_.all()) result.slots += each->profile.slots;
  return result;
}

std::string dispatcher::new_name(const std::string& instance) {
  return instance + (instance.empty() ? "operations/" : "/operations/") + hex_id();
}

std::string dispatcher::hex_id() {
  return fmt::format("{:016x}{:016x}", random_.next(), random_.next());
}

}  // namespace kiln::scheduling
