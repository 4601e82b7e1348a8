#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/contract/on_response.hpp"
#include "core/store_kit/answer_of.hpp"

namespace kiln {

/// Asks each store its order, at the same time: `orders` stand beside `stores`. `then` gets all answers as a
/// vector of expected<answer> beside them, when the last has come. Who is given no order is not asked, and
/// has answered with an empty answer.
template <class Self, class Order, class Then>
void ask_all(Self* self, const std::vector<store_actor>& stores, std::vector<std::optional<Order>> orders,
             Then then) {
  using reply = answer_to<Order>;
  struct meeting {
    std::vector<expected<reply>> answers;
    std::vector<bool> pending;
    Then then;
    std::size_t open;  // one more than are asked, so that nothing is over before all were

    void settle(std::size_t at, expected<reply> one) {
      if (!pending[at]) return;  // `then` has thrown at the last one
      pending[at] = false;
      answers[at] = std::move(one);
      close();
    }
    void close() {
      if (--open == 0) then(std::move(answers));
    }
  };
  auto all = std::make_shared<meeting>(meeting{{}, {}, std::move(then), 1});
  all->answers.resize(stores.size(), expected<reply>(reply{}));
  for (const auto& order : orders) {
    all->pending.push_back(order.has_value());
    all->open += order.has_value() ? 1 : 0;
  }
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
