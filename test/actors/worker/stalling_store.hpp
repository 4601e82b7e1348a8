#pragma once

#include <caf/response_promise.hpp>
#include <memory>
#include <string>
#include <typeinfo>

#include "core/contract/store.hpp"

namespace kiln::test {

/// A store that passes everything on, but answers orders of one kind only when the test says so.
class stalling_store {
public:
  /// From now on.
  template <class Order>
  void hold() {
    hold(typeid(Order).name(), false);
  }
  /// The same, but the store behind acts on them at once: what is held is its answers.
  template <class Order>
  void hold_answers() {
    hold(typeid(Order).name(), true);
  }
  /// Until such an order has come.
  void wait() const;
  /// What was held, and what comes, is passed on.
  void let_through();
  /// What was held fails so; what comes is passed on.
  void fail_with(error fault);

  store_actor actor;

  struct state;

private:
  friend stalling_store spawn_stalling_store(caf::actor_system& system, store_actor inner);
  void hold(const std::string& order, bool answers);
  std::shared_ptr<state> state_;
};

stalling_store spawn_stalling_store(caf::actor_system& system, store_actor inner);

}  // namespace kiln::test
