#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/contract/on_response.hpp"
#include "core/store_kit/answer_of.hpp"
#include "core/store_kit/deadlines.hpp"

namespace kiln {
namespace asking_all {

template <class Reply, class Then>
struct meeting {
  std::vector<expected<Reply>> answers;
  std::vector<bool> pending;
  std::optional<Then> then;
  std::size_t open;  // one more than are asked, so that nothing is over before all were
  deadlines::token over{};

  void settle(std::size_t at, expected<Reply> one) {
    if (!pending[at]) return;  // it is too late, or `then` has thrown at the last one
    pending[at] = false;
    answers[at] = std::move(one);
    close();
  }
  void close() {
    if (--open > 0) return;
    over.reset();
    // Nothing is kept for who answers too late.
    auto last = std::move(*then);
    then.reset();
    last(std::exchange(answers, {}));
  }
  void give_up() {
    for (std::size_t at = 0; at < pending.size(); ++at) settle(at, failure(came_too_late()));
  }
};

}  // namespace asking_all

/// Asks each store its order, at the same time: `orders` stand beside `stores`. `then` gets all answers as a
/// vector of expected<answer> beside them, when the last has come. Who is given no order is not asked, and
/// has answered with an empty answer. With `times`, who has not answered `until` then has failed with
/// DEADLINE_EXCEEDED.
template <class Self, class Order, class Then>
void ask_all(Self* self, const std::vector<store_actor>& stores, std::vector<std::optional<Order>> orders,
             Then then, deadlines* times = nullptr, order_deadline until = waits_for_ever) {
  using reply = answer_to<Order>;
  using meeting = asking_all::meeting<reply, Then>;
  auto all = std::make_shared<meeting>(meeting{{}, {}, std::move(then), 1});
  all->answers.resize(stores.size(), expected<reply>(reply{}));
  for (const auto& order : orders) {
    all->pending.push_back(order.has_value());
    all->open += order.has_value() ? 1 : 0;
  }
  if (times != nullptr)
    all->over = times->watch(until, [weak = std::weak_ptr<meeting>(all)] {
      if (auto alive = weak.lock()) alive->give_up();
    });
  for (std::size_t i = 0; i < orders.size(); ++i) {
    if (!orders[i]) continue;
    on_response(
        self->request(stores[i], caf::infinite, std::move(*orders[i])),
        [all, i](reply& good) { all->settle(i, std::move(good)); },
        [all, i](const caf::error& fault) { all->settle(i, failure(from_caf(fault))); });
  }
  all->close();
}

}  // namespace kiln
