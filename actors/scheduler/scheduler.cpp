#include "actors/scheduler/scheduler.hpp"

#include <algorithm>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <optional>
#include <unordered_map>
#include <vector>

#include "actors/scheduler/dispatcher.hpp"
#include "actors/scheduler/scheduler_metrics.hpp"
#include "core/contract/on_response.hpp"
#include "core/observe/log.hpp"
#include "core/wire/action_record.hpp"

namespace kiln::scheduling {

/// One timer for all that waits in the scheduler.
struct scheduler_tick {};
/// The action cache has the result, or will not get it, and the same with the text of its attempts.
struct result_settled {
  std::string operation;
  std::uint64_t attempt = 0;
  bool logged = false;
};

using scheduler_self =
    scheduler_actor::extend<caf::reacts_to<scheduler_tick>, caf::reacts_to<result_settled>>;

}  // namespace kiln::scheduling

KILN_MESSAGE(kiln::scheduling::scheduler_tick)
KILN_MESSAGE(kiln::scheduling::result_settled)

namespace kiln::scheduling {
namespace {

constexpr auto tick_interval = std::chrono::milliseconds(500);

/// The actor around the dispatcher: it turns numbers into handles and time into ticks.
struct scheduler_state : outbox {
  static constexpr const char* name = "scheduler";

  explicit scheduler_state(scheduler_self::pointer self) : self(self) {}

  scheduler_self::behavior_type make_behavior(const environment& process, scheduler_options given,
                                              store_actor store, record_names named, store_actor texts);

  // What the dispatcher says.
  void start(const std::string& worker_id, start_action order) override {
    send_to(worker_id, std::move(order));
  }
  void kill(const std::string& worker_id, kill_action order) override {
    send_to(worker_id, std::move(order));
  }
  void dismiss(const std::string& worker_id, dismiss_worker order) override;
  void forget_worker(const std::string& worker_id) override;
  void tell(listener_id who, const operation_state& news) override;
  void record(const operation& what) override;
  bool keeps_logs() const override { return content != nullptr; }
  void ended(const operation& what) override { metrics->count(what); }
  void set_aside(const worker& which, duration how_long, const error& why) override;
  void taken_back(const worker& which) override;
  void in_vain(const std::string& why, std::size_t actions) override;

  template <class Order>
  void send_to(const std::string& worker_id, Order order) {
    if (auto found = workers.find(worker_id); found != workers.end())
      self->send(found->second.handle, std::move(order));
  }
  void drop_handle(const worker_actor& handle);
  void take_handle(const std::string& worker_id, const register_worker& order);
  std::optional<listener_id> id_of(const operation_observer& listener);
  void tell_of_ignored(const worker_profile& profile);
  caf::result<worker_welcome> admit(const register_worker& order);
  void on_down(const caf::down_msg& news);
  void answer_drains();
  caf::result<output_place> find(const find_output& order);
  void keep(const std::string& what, const store_actor& in, write_blobs order,
            std::function<void(bool)> then);
  steady_time now() const { return self->clock().now(); }
  /// When all workers go, one line is enough.
  log_level usual() const noexcept { return draining ? log_level::debug : log_level::info; }

  const scheduler_self::pointer self;
  environment env;
  scheduler_options options;
  store_actor results;
  store_actor content;
  record_names names;
  std::optional<scheduler_metrics> metrics;
  std::optional<dispatcher> dispatch;
  struct registered {
    worker_actor handle;
    bool may_return;
  };
  std::unordered_map<std::string, registered> workers;
  std::map<caf::actor_addr, std::string> worker_ids;
  std::unordered_map<listener_id, operation_observer> listeners;
  std::map<caf::actor_addr, listener_id> listener_ids;
  listener_id last_listener = 0;
  std::vector<answer<scheduler_drained>> drains;
  bool draining = false;
};

void scheduler_state::dismiss(const std::string& worker_id, dismiss_worker order) {
  env.log->write(usual(), "worker dismissed", {{"worker", worker_id}, {"reason", order.reason}});
  send_to(worker_id, std::move(order));
}

void scheduler_state::forget_worker(const std::string& worker_id) {
  auto found = workers.find(worker_id);
  if (found == workers.end()) return;
  // That of the same process goes with it.
  env.log->write(found->second.may_return ? usual() : log_level::debug, "worker gone",
                 {{"worker", worker_id}});
  drop_handle(found->second.handle);
  workers.erase(found);
}

void scheduler_state::drop_handle(const worker_actor& handle) {
  self->demonitor(handle.address());
  worker_ids.erase(handle.address());
}

void scheduler_state::tell(listener_id who, const operation_state& news) {
  if (auto found = listeners.find(who); found != listeners.end())
    self->send(found->second, operation_changed{news});
}

// The text first: a result that others find is no news any more.
void scheduler_state::record(const operation& what) {
  write_blobs result;
  if (results && dispatcher::belongs_in_cache(what))
    result.entries.push_back({names.of(record_kind::action_result, what.action.instance, what.action.action),
                              wrap_result(what.outcome.result)});
  write_blobs text;
  if (what.outcome.attempts_log)
    text.entries.push_back(
        {*what.outcome.attempts_log, bytes::copy_of(what.attempts.text(what.queued_since))});
  const auto action = fmt::format("of action {}", what.action.action);
  keep("the text of the attempts " + action, content, std::move(text),
       [this, action, result = std::move(result),
        settled = result_settled{what.name, what.attempt}](bool logged) mutable {
         settled.logged = logged;
         keep("the result " + action, results, std::move(result),
              [this, settled](bool) { self->send(self, settled); });
       });
}

/// `then` hears whether it is there; what cannot be kept is no reason to keep clients waiting.
void scheduler_state::keep(const std::string& what, const store_actor& in, write_blobs order,
                           std::function<void(bool)> then) {
  if (order.entries.empty()) return then(true);
  auto complain = [this, what, then](std::string_view why) {
    env.log->warn("something could not be kept in a cache", {{"what", what}, {"why", why}});
    then(false);
  };
  on_response(
      self->request(in, options.record_timeout, std::move(order)),
      [then, complain](const receipts& answer) {
        if (!answer.results.empty() && answer.results.front()) return then(true);
        complain(answer.results.empty() ? "no answer" : answer.results.front().error().to_string());
      },
      [complain](const caf::error& fault) { complain(from_caf(fault).to_string()); });
}

caf::result<output_place> scheduler_state::find(const find_output& order) {
  auto site = dispatch->find_output(order.name, order.attempt);
  if (!site) return to_caf(site.error());
  output_place place;
  place.operation = site->of->name;
  if (site->over) {
    place.where = output_place::at::result;
    place.outcome = site->of->outcome;
    place.function = site->of->action.action.function;
  } else if (auto found = workers.find(site->worker_id); found != workers.end()) {
    place.where = output_place::at::worker;
    place.worker = found->second.handle;
  }
  return place;
}

void scheduler_state::set_aside(const worker& which, duration how_long, const error& why) {
  env.log->warn("worker set aside: it failed several actions by itself",
                {{"worker", which.id}, {"how_long", to_string(how_long)}, {"last", why.to_string()}});
}

void scheduler_state::taken_back(const worker& which) {
  env.log->info("worker taken back, for one action to begin with", {{"worker", which.id}});
}

void scheduler_state::in_vain(const std::string& why, std::size_t actions) {
  env.log->warn("actions wait for what no worker offers", {{"why", why}, {"actions", actions}});
}

std::optional<listener_id> scheduler_state::id_of(const operation_observer& listener) {
  if (!listener) return std::nullopt;
  auto [found, is_new] = listener_ids.try_emplace(listener.address(), last_listener + 1);
  if (is_new) {
    listeners.emplace(++last_listener, listener);
    self->monitor(listener);
  }
  return found->second;
}

void scheduler_state::take_handle(const std::string& worker_id, const register_worker& order) {
  if (auto before = workers.find(worker_id); before != workers.end()) {
    // It has come back; what stood for it may not have heard yet that its connection is gone.
    self->send(before->second.handle, dismiss_worker{"the worker has connected anew", true});
    drop_handle(before->second.handle);
    workers.erase(before);
  }
  workers.emplace(worker_id, registered{order.worker, order.may_return});
  worker_ids[order.worker.address()] = worker_id;
  self->monitor(order.worker);
}

/// Who offers a property tells workers apart by it, and takes it that the scheduler does.
void scheduler_state::tell_of_ignored(const worker_profile& profile) {
  for (const auto& [name, value] : profile.properties)
    if (std::count(options.ignored_properties.begin(), options.ignored_properties.end(), name) > 0)
      env.log->warn("a worker offers a property that is ignored here (scheduler.ignored_properties)",
                    {{"worker", profile.name}, {"property", name}, {"value", value}});
}

caf::result<worker_welcome> scheduler_state::admit(const register_worker& order) {
  if (!order.worker) return to_caf(error(errc::invalid_argument, "a worker that registers needs a handle"));
  auto welcome = caught([&] { return dispatch->admit(order.profile, now()); });
  if (!welcome) {
    env.log->write(draining ? log_level::debug : log_level::warn, "worker refused",
                   {{"worker", order.profile.name}, {"why", welcome.error()}});
    return to_caf(welcome.error());
  }
  env.log->info("worker registered", {{"worker", welcome->worker_id}, {"slots", order.profile.slots}});
  tell_of_ignored(order.profile);
  take_handle(welcome->worker_id, order);
  // The welcome goes first: only then does the worker know who it is.
  auto promise = make_answer<worker_welcome>(self);
  promise.deliver(*welcome);
  dispatch->ready(welcome->worker_id);
  return promise;
}

void scheduler_state::on_down(const caf::down_msg& news) {
  if (auto found = worker_ids.find(news.source); found != worker_ids.end()) {
    auto worker_id = found->second;
    if (workers.at(worker_id).may_return) {
      env.log->info("the connection to a worker broke", {{"worker", worker_id}});
      dispatch->cut(worker_id, now());
    } else {
      dispatch->lost(worker_id, "it is gone", now());
    }
    answer_drains();
  }
  if (auto found = listener_ids.find(news.source); found != listener_ids.end()) {
    dispatch->listener_gone(found->second, now());
    listeners.erase(found->second);
    listener_ids.erase(found);
  }
}

void scheduler_state::answer_drains() {
  if (!dispatch->drained()) return;
  for (auto& each : drains) each.deliver(scheduler_drained{});
  drains.clear();
}

scheduler_self::behavior_type scheduler_state::make_behavior(const environment& process,
                                                             scheduler_options given, store_actor store,
                                                             record_names named, store_actor texts) {
  env = process;
  options = std::move(given);
  results = std::move(store);
  content = std::move(texts);
  names = named;
  metrics.emplace(*env.metrics);
  dispatch.emplace(options, *env.random, *this);
  self->set_down_handler([this](caf::down_msg& news) { on_down(news); });
  self->delayed_send(self, tick_interval, scheduler_tick{});
  return {
      [this](submit_action& order) {
        order.action.queued = env.time->wall();
        return to_result(caught([&] { return dispatch->submit(order, id_of(order.listener), now()); }));
      },
      [this](const watch_operation& order) {
        return to_result(dispatch->watch(order.name, id_of(order.listener)));
      },
      [this](const unwatch_operation& order) {
        if (auto found = listener_ids.find(order.listener.address()); found != listener_ids.end())
          dispatch->unwatch(order.name, found->second, order.for_good, now());
        answer_drains();
      },
      [this](const cancel_operation& order) {
        auto state = dispatch->cancel(order.name, now());
        answer_drains();
        return to_result(std::move(state));
      },
      [this](const list_operations& order) {
        return to_result(caught([&]() -> expected<operation_list> {
          return operation_list{dispatch->list(order.after, order.limit)};
        }));
      },
      [this](const find_output& order) { return guarded<output_place>([&] { return find(order); }); },
      [this](const register_worker& order) { return admit(order); },
      [this](const worker_heartbeat& news) { dispatch->beat(news.worker_id, now()); },
      [this](const action_started& news) { dispatch->started(news, now()); },
      [this](const action_finished& news) {
        dispatch->finished(news, now());
        answer_drains();
      },
      [this](const worker_slots& news) { dispatch->has_slots(news, now()); },
      [this](const worker_leaving& news) { dispatch->leaving(news.worker_id, now()); },
      [this](const measure_scheduler&) { return dispatch->stats(); },
      [this](const drain_scheduler&) {
        if (!std::exchange(draining, true)) {
          const auto stats = dispatch->stats();
          env.log->info(
              "no more actions are given to workers",
              {{"workers", stats.workers}, {"executing", stats.executing}, {"queued", stats.queued}});
        }
        dispatch->drain();
        auto promise = make_answer<scheduler_drained>(self);
        drains.push_back(promise);
        answer_drains();
        return static_cast<caf::result<scheduler_drained>>(promise);
      },
      [this](const close_scheduler&) { dispatch->close(now()); },
      [this](const scheduler_tick&) {
        dispatch->tick(now());
        metrics->show(dispatch->stats());
        answer_drains();
        self->delayed_send(self, tick_interval, scheduler_tick{});
      },
      [this](const result_settled& news) {
        dispatch->recorded(news.operation, news.attempt, now(), news.logged);
        answer_drains();
      },
  };
}

}  // namespace
}  // namespace kiln::scheduling

namespace kiln {

scheduler_actor spawn_scheduler(caf::actor_system& system, const environment& env, scheduler_options options,
                                store_actor results, record_names names, store_actor content) {
  using namespace scheduling;
  auto body = [](scheduler_self::stateful_pointer<scheduler_state> self, environment process,
                 scheduler_options given, store_actor store, record_names named,
                 store_actor texts) -> scheduler_self::behavior_type {
    return self->state.make_behavior(process, std::move(given), std::move(store), named, std::move(texts));
  };
  return system.spawn(body, env, std::move(options), std::move(results), names, std::move(content));
}

}  // namespace kiln
