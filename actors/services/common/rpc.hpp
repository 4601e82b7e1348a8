#pragma once

#include <atomic>
#include <caf/error.hpp>
#include <caf/send.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/thread_pool.hpp"
#include "core/contract/actor.hpp"
#include "core/contract/call.hpp"
#include "core/contract/router.hpp"
#include "core/contract/store.hpp"

/// What all services share: how an inbound RPC becomes a message, and how it is answered when it fails.
namespace kiln {

/// An RPC on its way to the actor that serves it. Each method derives a message of its own. Where the method
/// takes many requests, `request` is empty and the service reads from the call.
struct inbound {
  call_ptr call;
  byte_chain request;
};

/// RPCs of this method go to these actors in turn. An actor that is gone drops the call, which answers it.
template <class Order, class Handle>
void add_route(router& routes, std::string method, std::vector<Handle> lanes,
               requests takes = requests::one) {
  auto next = std::make_shared<std::atomic<std::size_t>>(0);
  routes.add(std::move(method), {takes, [next, lanes = std::move(lanes)](call_ptr from, byte_chain request) {
                                   const auto& lane =
                                       lanes[next->fetch_add(1, std::memory_order_relaxed) % lanes.size()];
                                   caf::anon_send(lane, Order{{std::move(from), std::move(request)}});
                                 }});
}
template <class Order, class Handle>
void add_route(router& routes, std::string method, Handle to, requests takes = requests::one) {
  add_route<Order>(routes, std::move(method), std::vector<Handle>{std::move(to)}, takes);
}

/// Runs what answers a call, so that an error or an exception becomes its status. `body` returns
/// expected<void>: success means that the answer was given, or is on its way.
template <class Body>
void answer_call(const call_ptr& from, Body body) {
  try {
    if (expected<void> done = body(); !done) from->finish(std::move(done).error());
  } catch (...) {
    from->finish(current_fault());
  }
}

/// The same for a call that comes in: nothing is begun for a client that has left or a deadline that is over.
template <class Body>
void begin_call(const call_ptr& from, const clock& time, Body body) {
  if (from->cancelled()) return from->finish({errc::cancelled, "the client has left"});
  if (from->info().deadline && *from->info().deadline <= time.now())
    return from->finish({errc::deadline_exceeded, "the deadline was over before the call began"});
  answer_call(from, std::move(body));
}

/// Until when its client waits, and what it said: what the orders bear that its answer takes. One that names
/// no deadline waits for ever; its leaving is heard of.
inline order_deadline waits_until(const call_ptr& from) {
  return {from->info().deadline.value_or(waits_for_ever), from->info().metadata};
}

/// The error branch of a request to another actor: its error is the call's.
inline auto fails(call_ptr from) {
  return [from = std::move(from)](const caf::error& fault) { from->finish(from_caf(fault)); };
}

/// RESOURCE_EXHAUSTED that asks the client to come again.
error busy(std::string message);

}  // namespace kiln
