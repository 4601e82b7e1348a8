#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <typeinfo>
#include <utility>

#include "core/store_kit/store_wrapper.hpp"

namespace kiln::test {

/// How many orders of each kind came, until when their askers waited, and which clients said what beside
/// their calls. Confined to the test's thread.
struct seen_orders {
  std::map<std::string, std::size_t> counts;
  std::set<steady_time> times;
  std::set<std::shared_ptr<const call_metadata>> clients;
  std::size_t watched = 0;

  template <class Order>
  std::size_t of() const {
    auto found = counts.find(typeid(Order).name());
    return found == counts.end() ? 0 : found->second;
  }
};

/// Counts every order and passes it on.
class watching_store final : public store_wrapper {
public:
  watching_store(resumable_store::pointer self, store_actor inner, std::shared_ptr<seen_orders> seen)
      : store_wrapper(self, std::move(inner)), seen_(std::move(seen)) {}

  template <class Order>
  caf::result<answer_to<Order>> take(Order& order) {
    ++seen_->counts[typeid(Order).name()];
    seen_->times.insert(order.until);
    seen_->clients.insert(order.until.client);
    return pass_on(order);
  }
  void take(watch_store& order) {
    ++seen_->watched;
    pass_on(order);
  }

private:
  const std::shared_ptr<seen_orders> seen_;
};

}  // namespace kiln::test
