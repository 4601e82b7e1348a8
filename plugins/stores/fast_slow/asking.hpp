#pragma once

#include <utility>
#include <vector>

#include "core/store_kit/split.hpp"
#include "core/store_kit/store_behaviour.hpp"

namespace kiln::fast_slow {

/// Asks stores orders of our own, in the store's actor.
class asking {
protected:
  explicit asking(resumable_store::pointer self) : self_(self) {}

  resumable_store::pointer self() const noexcept { return self_; }
  resumable_store home() const { return resumable_store(self_); }

  template <class Order>
  answer<answer_to<Order>> owe() {
    return make_answer<answer_to<Order>>(self_);
  }
  template <class Answer>
  static auto deliver_to(answer<Answer> asker) {
    return [asker = std::move(asker)](expected<Answer> said) mutable { asker.deliver(std::move(said)); };
  }

  /// `then(expected<answer>)` is what `store` says. It is called once more, with an error, if it throws.
  template <class Order, class Then>
  void ask(const store_actor& store, Order order, Then then) {
    using reply = answer_to<Order>;
    on_response(
        self_->request(store, caf::infinite, std::move(order)),
        [then](reply& good) mutable { then(expected<reply>(std::move(good))); },
        [then](const caf::error& fault) mutable { then(expected<reply>(failure(from_caf(fault)))); });
  }
  template <class Order>
  void ask(const store_actor& store, Order order, answer<answer_to<Order>> asker) {
    ask(store, std::move(order), deliver_to(std::move(asker)));
  }
  /// The same of a batch: `then` gets one result for each entry, in their order, whatever `store` says. Not
  /// asked for nothing.
  template <class Order, class Then>
  void ask_each(const store_actor& store, Order order, Then then) {
    using result = typename decltype(answer_to<Order>::results)::value_type;
    const std::size_t count = entries_of(order).size();
    if (count == 0) return then(std::vector<result>());
    ask(store, std::move(order), [count, then = std::move(then)](expected<answer_to<Order>> said) mutable {
      if (!said) return then(std::vector<result>(count, failure(said.error())));
      said->results.resize(count, fail(errc::internal, "a store gave too few answers to a batch"));
      then(std::move(said->results));
    });
  }

private:
  const resumable_store::pointer self_;
};

}  // namespace kiln::fast_slow
