#include "actors/services/execution/operations.hpp"

#include <algorithm>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/services/execution/operation_message.hpp"
#include "actors/services/execution/operation_watchers.hpp"
#include "core/contract/on_response.hpp"
#include "core/wire/message.hpp"
#include "google/longrunning/operations.pb.h"

namespace kiln {
namespace {

namespace lro = google::longrunning;

constexpr std::size_t usual_page = 100;
constexpr std::size_t largest_page = 1000;
/// Operations carry results: a page ends here as well, below what clients take in one message.
constexpr std::size_t page_bytes = 2 << 20;
/// A call that waits longer is answered with the state as it is, as the protocol allows.
constexpr auto longest_wait = std::chrono::minutes(10);

struct operations_state {
  static constexpr const char* name = "operations";

  explicit operations_state(operations_actor::pointer self) : self(self) {}

  operations_actor::behavior_type make_behavior(const environment& process, scheduler_actor whom);
  expected<void> get(const inbound& order);
  expected<void> list(const inbound& order);
  expected<void> wait(const inbound& order);
  expected<void> cancel(const inbound& order);
  void attach(const call_ptr& from, const operation_state& state, duration patience);
  void unwatch(const std::string& operation) { self->send(scheduler, unwatch_operation{operation, self}); }
  template <class Order>
  auto ask(Order order) {
    return self->request(scheduler, caf::infinite, std::move(order));
  }

  const operations_actor::pointer self;
  environment env;
  scheduler_actor scheduler;
  operation_watchers watchers;
};

expected<void> operations_state::get(const inbound& order) {
  auto request = parse<lro::GetOperationRequest>(order.request);
  if (!request) return fail(request.error());
  on_response(
      ask(watch_operation{request->name(), {}}),
      [from = order.call](const operation_state& state) { from->reply(operation_message(state)); },
      fails(order.call));
  return {};
}

bytes page_of(const operation_list& found, const std::string& prefix, std::size_t limit) {
  lro::ListOperationsResponse response;
  std::size_t size = 0;
  std::size_t taken = 0;
  for (const auto& state : found.operations) {
    if (!state.name.starts_with(prefix) || size >= page_bytes) break;
    auto* added = response.add_operations();
    *added = operation_to_wire(state);
    size += added->ByteSizeLong();
    ++taken;
  }
  bool all_taken = taken == found.operations.size();
  bool more = all_taken ? taken == limit : found.operations[taken].name.starts_with(prefix);
  if (more && taken > 0) response.set_next_page_token(found.operations[taken - 1].name);
  return serialise(response);
}

expected<void> operations_state::list(const inbound& order) {
  auto request = parse<lro::ListOperationsRequest>(order.request);
  if (!request) return fail(request.error());
  if (!request->filter().empty()) return fail(errc::unimplemented, "operations cannot be filtered");
  auto limit = request->page_size() > 0
                   ? std::min(static_cast<std::size_t>(request->page_size()), largest_page)
                   : usual_page;
  // Whoever knows the name of an operation may follow what its action writes: without a name of an instance,
  // only those of none.
  auto prefix = (request->name().empty() ? "operations" : request->name()) + "/";
  on_response(
      ask(list_operations{std::max(prefix, request->page_token()), limit}),
      [from = order.call, prefix, limit](const operation_list& found) {
        from->reply(page_of(found, prefix, limit));
      },
      fails(order.call));
  return {};
}

expected<void> operations_state::wait(const inbound& order) {
  auto request = parse<lro::WaitOperationRequest>(order.request);
  if (!request) return fail(request.error());
  duration patience = longest_wait;
  if (request->has_timeout()) {
    auto seconds = std::clamp<std::int64_t>(request->timeout().seconds(), 0, 600);
    auto wanted = std::chrono::seconds(seconds) + std::chrono::nanoseconds(request->timeout().nanos());
    patience = std::clamp<duration>(wanted, duration::zero(), longest_wait);
  }
  on_response(
      ask(watch_operation{request->name(), self}),
      [this, from = order.call, patience](const operation_state& state) { attach(from, state, patience); },
      fails(order.call));
  return {};
}

void operations_state::attach(const call_ptr& from, const operation_state& state, duration patience) {
  auto stream = std::make_shared<operation_stream>(from, operation_stream::tells::only_the_end);
  auto watcher = watchers.add(state, std::move(stream), self->clock().now());
  if (state.now == stage::completed) return;
  self->delayed_send(self, std::chrono::duration_cast<std::chrono::milliseconds>(patience),
                     operation_wait_over{watcher});
  from->on_cancel([service = operations_actor(self), watcher] {
    caf::anon_send(service, operation_client_gone{watcher});
  });
}

expected<void> operations_state::cancel(const inbound& order) {
  auto request = parse<lro::CancelOperationRequest>(order.request);
  if (!request) return fail(request.error());
  on_response(
      ask(cancel_operation{request->name()}),
      [from = order.call](const operation_state&) { from->reply({}); }, fails(order.call));
  return {};
}

operations_actor::behavior_type operations_state::make_behavior(const environment& process,
                                                                scheduler_actor whom) {
  env = process;
  scheduler = std::move(whom);
  auto begin = [this](const inbound& order, expected<void> (operations_state::*method)(const inbound&)) {
    begin_call(order.call, *env.time, [&] { return (this->*method)(order); });
  };
  return {
      nothrow_handler(
          [this](const operation_changed& news) { watchers.tell(news.state, self->clock().now()); }),
      [begin](const get_operation_call& order) { begin(order, &operations_state::get); },
      [begin](const list_operations_call& order) { begin(order, &operations_state::list); },
      [begin](const wait_operation_call& order) { begin(order, &operations_state::wait); },
      [begin](const cancel_operation_call& order) { begin(order, &operations_state::cancel); },
      [](const delete_operation_call& order) {
        order.call->finish(error(errc::unimplemented, "operations are forgotten by themselves"));
      },
      [this](const operation_client_gone& news) {
        if (auto operation = watchers.remove(news.watcher)) unwatch(*operation);
      },
      [this](const operation_wait_over& news) {
        if (auto operation = watchers.end(news.watcher)) unwatch(*operation);
      },
  };
}

}  // namespace

operations_actor spawn_operations(caf::actor_system& system, const environment& env,
                                  scheduler_actor scheduler) {
  auto body = [](operations_actor::stateful_pointer<operations_state> self, environment process,
                 scheduler_actor whom) -> operations_actor::behavior_type {
    return self->state.make_behavior(process, std::move(whom));
  };
  return system.spawn(body, env, std::move(scheduler));
}

void add_routes(router& routes, const operations_actor& to) {
  const std::string service = "/google.longrunning.Operations/";
  add_route<get_operation_call>(routes, service + "GetOperation", to);
  add_route<list_operations_call>(routes, service + "ListOperations", to);
  add_route<wait_operation_call>(routes, service + "WaitOperation", to);
  add_route<cancel_operation_call>(routes, service + "CancelOperation", to);
  add_route<delete_operation_call>(routes, service + "DeleteOperation", to);
}

}  // namespace kiln
