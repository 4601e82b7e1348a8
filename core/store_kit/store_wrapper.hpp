#pragma once

#include <type_traits>
#include <utility>

#include "core/store_kit/store_behaviour.hpp"

namespace kiln {

/// What a store over another inherits: it has a `take` for the orders that it changes, and all others are
/// passed on by themselves. Batches stay batches, and the inner store answers the asker directly.
class store_wrapper {
public:
  store_wrapper(resumable_store::pointer self, store_actor inner) : self_(self), inner_(std::move(inner)) {}

  template <class Order>
  caf::result<answer_to<Order>> pass_on(Order& order) {
    return self_->delegate(inner_, std::move(order));
  }
  void pass_on(watch_store& order) { self_->send(inner_, std::move(order)); }

protected:
  resumable_store::pointer self() const noexcept { return self_; }
  const store_actor& inner() const noexcept { return inner_; }

  /// The duty to answer an order later: a `take` returns it, and whoever keeps a copy delivers.
  template <class Order>
  answer<answer_to<Order>> owe() {
    return make_answer<answer_to<Order>>(self_);
  }
  /// `then(expected<answer>)` is what the inner store says to an order of our own. It is called once more,
  /// with an error, if it throws. Of a read it is plain bytes, whatever the asker takes.
  template <class Order, class Then>
  void ask(Order order, Then then) {
    if constexpr (std::is_same_v<Order, read_blob>) order.takes = blob_form::plain;
    ask_as_it_is(std::move(order), std::move(then));
  }
  /// The same for who hands on what comes without a look at the bytes.
  template <class Order, class Then>
  void ask_as_it_is(Order order, Then then) {
    using reply = answer_to<Order>;
    on_response(
        self_->request(inner_, caf::infinite, std::move(order)),
        [then](reply& good) mutable { then(expected<reply>(std::move(good))); },
        [then](const caf::error& fault) mutable { then(expected<reply>(failure(from_caf(fault)))); });
  }

private:
  const resumable_store::pointer self_;
  const store_actor inner_;
};

}  // namespace kiln
