#pragma once

#include <type_traits>

#include "core/base/clock.hpp"
#include "core/contract/actor.hpp"
#include "core/store_kit/answer_of.hpp"

/// How a store begins with an order.
namespace kiln {

/// DEADLINE_EXCEEDED if whoever gave the order has stopped waiting: then nothing is begun.
template <class Order>
expected<void> in_time(const Order& order, const clock& time) {
  if (order.until == waits_for_ever || time.now() < order.until) return {};
  return fail(errc::deadline_exceeded, "the time of the order was over before the store began with it");
}

/// `body()`, which returns an expected<answer> or what else a handler may, unless the order comes too late.
/// What it throws is the answer.
template <class Order, class Body>
caf::result<answer_to<Order>> take_up(const Order& order, const clock& time, Body body) {
  using reply = answer_to<Order>;
  return guarded<reply>([&]() -> caf::result<reply> {
    if (auto early = in_time(order, time); !early) return to_caf(early.error());
    if constexpr (std::is_same_v<decltype(body()), expected<reply>>)
      return to_result(body());
    else
      return body();
  });
}

}  // namespace kiln
