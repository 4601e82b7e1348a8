#include "actors/services/execution/execution.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/services/execution/action_preparation.hpp"
#include "actors/services/execution/operation_watchers.hpp"
#include "actors/services/execution/preparations.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/base/random.hpp"
#include "core/contract/on_response.hpp"
#include "core/wire/message.hpp"

namespace kiln {
namespace {

namespace v2 = build::bazel::remote::execution::v2;

/// A client hears something at least once a minute.
constexpr auto keep_alive_interval = std::chrono::seconds(15);
constexpr auto longest_silence = std::chrono::seconds(40);
constexpr auto moment_to_break = std::chrono::milliseconds(250);

constexpr std::string_view request_metadata = "build.bazel.remote.execution.v2.requestmetadata-bin";
constexpr std::size_t longest_metadata = 16 << 10;

struct execution_state {
  static constexpr const char* name = "execution";

  explicit execution_state(execution_actor::pointer self) : self(self) {}

  execution_actor::behavior_type make_behavior(const environment& process, execution_options given,
                                               const cache_limits& bounds, execution_peers whom);
  expected<void> execute(const execute_call& order);
  void prepared(const call_ptr& from, const execute_request& request,
                expected<action_preparation::prepared> outcome);
  void begin_preparation(const execute_request& request, action_preparation::abandoned is_over,
                         action_preparation::outcome then);
  void submit(const call_ptr& from, const execute_request& request, action_spec action);
  void answer_over(const call_ptr& from, const execute_request& request, action_outcome outcome);
  expected<void> wait(const wait_execution_call& order);
  void attach(const call_ptr& from, const operation_state& state);
  void left(const execution_client_gone& news);
  void judge_leavers();

  steady_time now() const { return self->clock().now(); }

  const execution_actor::pointer self;
  environment env;
  execution_options options;
  cache_limits limits;
  execution_peers peers;
  std::optional<input_memory> memory;
  operation_watchers watchers;
  interpreting reading;
  std::optional<preparations> requests;
  std::vector<std::pair<std::string, std::string>> leavers;  ///< operations, and whose calls left them
  std::unique_ptr<thread_pool> asking;                       ///< the kernel about connections
};

expected<void> execution_state::execute(const execute_call& order) {
  auto request = parse_execute_request(order.request);
  if (!request) return fail(request.error());
  if (auto fine = limits.check_function(request->action.function); !fine) return fine;
  return requests->add(order.call, std::move(*request));
}

void execution_state::prepared(const call_ptr& from, const execute_request& request,
                               expected<action_preparation::prepared> outcome) {
  // What the client must upload again may be a thousand names: too many for a trailer, so they come as the
  // response of an operation that is over.
  if (!outcome && outcome.error().code() == errc::failed_precondition)
    return answer_over(from, request, {outcome.error(), {}, 0, false});
  if (!outcome) return from->finish(outcome.error());
  if (outcome->cached) return answer_over(from, request, {{}, std::move(*outcome->cached), 0, true});
  auto& action = outcome->action;
  // Clients may send what they like here; nobody fails for it.
  if (auto metadata = from->info().value_of(request_metadata); metadata.size() <= longest_metadata)
    action.request_metadata = metadata;
  submit(from, request, std::move(action));
}

void execution_state::begin_preparation(const execute_request& request, action_preparation::abandoned is_over,
                                        action_preparation::outcome then) {
  std::make_shared<action_preparation>(self, peers, options, reading, *memory, request, std::move(is_over),
                                       std::move(then))
      ->start();
}

void execution_state::answer_over(const call_ptr& from, const execute_request& request,
                                  action_outcome outcome) {
  operation_state state;
  // Clients want a name, though there is nothing left to wait for.
  state.name = fmt::format("{}{}operations/{:016x}{:016x}", request.instance,
                           request.instance.empty() ? "" : "/", env.random->next(), env.random->next());
  state.action = request.action;
  state.now = stage::completed;
  state.outcome = std::move(outcome);
  watchers.add(state, std::make_shared<operation_stream>(from), now());
}

void execution_state::submit(const call_ptr& from, const execute_request& request, action_spec action) {
  submit_action order{std::move(action), request.priority, request.skip_cache_lookup, self};
  on_response(
      self->request(peers.scheduler, caf::infinite, std::move(order)),
      [this, from](const operation_state& state) { attach(from, state); },
      [this, from, request](const caf::error& fault) {
        auto why = from_caf(fault);
        // As if it had waited for the worker that will never come.
        if (why.code() == errc::failed_precondition)
          return answer_over(from, request, {std::move(why), {}, 0, false});
        from->finish(std::move(why));
      });
}

expected<void> execution_state::wait(const wait_execution_call& order) {
  auto request = parse<v2::WaitExecutionRequest>(order.request);
  if (!request) return fail(request.error());
  on_response(
      self->request(peers.scheduler, caf::infinite, watch_operation{request->name(), self}),
      [this, from = order.call](const operation_state& state) { attach(from, state); }, fails(order.call));
  return {};
}

void execution_state::attach(const call_ptr& from, const operation_state& state) {
  auto watcher = watchers.add(state, std::make_shared<operation_stream>(from), now());
  if (state.now == stage::completed) return;
  const auto& info = from->info();
  from->on_cancel(
      [service = execution_actor(self), news = execution_client_gone{watcher, info.peer, info.deadline}] {
        caf::anon_send(service, news);
      });
}

/// A call that is cancelled looks the same whether its client does not want it any more or its connection
/// broke. What broke is gone for the kernel too, a moment later at most.
void execution_state::left(const execution_client_gone& news) {
  auto operation = watchers.remove(news.watcher);
  if (!operation) return;
  if (leavers.empty()) self->delayed_send(self, moment_to_break, execution_leavers_due{});
  // A deadline ends the call and not the wish.
  bool in_time = !news.deadline || env.time->now() < *news.deadline;
  leavers.emplace_back(std::move(*operation), in_time ? news.peer : std::string());
}

void execution_state::judge_leavers() {
  auto all = std::make_shared<const decltype(leavers)>(std::exchange(leavers, {}));
  auto judge = [service = execution_actor(self), standing = peers.standing, all] {
    std::set<std::string> whom;
    for (const auto& [operation, peer] : *all) whom.insert(peer);
    auto stand = standing(whom);
    execution_leavers_judged news;
    for (const auto& [operation, peer] : *all) news.leavers.emplace_back(operation, stand.contains(peer));
    caf::anon_send(service, std::move(news));
  };
  if (asking->post(judge)) return;
  // It cannot be asked, so they may come back.
  for (const auto& [operation, peer] : *all) self->send(peers.scheduler, unwatch_operation{operation, self});
}

execution_actor::behavior_type execution_state::make_behavior(const environment& process,
                                                              execution_options given,
                                                              const cache_limits& bounds,
                                                              execution_peers whom) {
  env = process;
  options = given;
  limits = bounds;
  peers = std::move(whom);
  asking = env.pools->make("kiln-execution", 1);
  memory.emplace(eviction_limits{options.remembered_inputs}, *env.time);
  reading = peers.reading.pool ? peers.reading : make_interpreting(env);
  requests.emplace(
      options.max_preparing,
      [this](const execute_request& request, action_preparation::abandoned is_over,
             action_preparation::outcome then) {
        begin_preparation(request, std::move(is_over), std::move(then));
      },
      [this](const call_ptr& from, const execute_request& request,
             expected<action_preparation::prepared> outcome) {
        prepared(from, request, std::move(outcome));
      });
  self->delayed_send(self, keep_alive_interval, execution_keep_alive{});
  return {
      nothrow_handler([this](const operation_changed& news) { watchers.tell(news.state, now()); }),
      [this](const execute_call& order) {
        begin_call(order.call, *env.time, [&] { return execute(order); });
      },
      [this](const wait_execution_call& order) {
        begin_call(order.call, *env.time, [&] { return wait(order); });
      },
      nothrow_handler([this](const execution_client_gone& news) { left(news); }),
      nothrow_handler([this](const execution_leavers_due&) { judge_leavers(); }),
      [this](const execution_leavers_judged& news) {
        for (const auto& [operation, for_good] : news.leavers)
          self->send(peers.scheduler, unwatch_operation{operation, self, for_good});
      },
      nothrow_handler([](const resume& next) { next.then(); }),
      [this](const execution_keep_alive&) {
        watchers.repeat_unheard_since(now() - longest_silence, now());
        self->delayed_send(self, keep_alive_interval, execution_keep_alive{});
      },
  };
}

}  // namespace

execution_actor spawn_execution(caf::actor_system& system, const environment& env, execution_options options,
                                const cache_limits& limits, execution_peers peers) {
  auto body = [](execution_actor::stateful_pointer<execution_state> self, environment process,
                 execution_options given, cache_limits bounds,
                 execution_peers whom) -> execution_actor::behavior_type {
    return self->state.make_behavior(process, given, bounds, std::move(whom));
  };
  return system.spawn(body, env, options, limits, std::move(peers));
}

void add_routes(router& routes, const execution_actor& to) {
  add_route<execute_call>(routes, "/build.bazel.remote.execution.v2.Execution/Execute", to);
  add_route<wait_execution_call>(routes, "/build.bazel.remote.execution.v2.Execution/WaitExecution", to);
}

}  // namespace kiln
