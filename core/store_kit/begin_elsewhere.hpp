#pragma once

#include <utility>

#include "core/store_kit/store_behaviour.hpp"

namespace kiln {

/// `start(done)`, whose answer comes from other threads and is given to the asker in the store's actor.
/// `done` is called once.
template <class Order, class Start>
caf::result<answer_to<Order>> begin_elsewhere(resumable_store::pointer self, Start start) {
  using reply = answer_to<Order>;
  auto asker = make_answer<reply>(self);
  start(come_home<reply>(resumable_store(self),
                         [asker](auto outcome) mutable { asker.deliver(std::move(outcome)); }));
  return asker;
}

}  // namespace kiln
