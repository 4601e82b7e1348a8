#pragma once

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <memory>
#include <utility>

#include "core/contract/on_response.hpp"
#include "core/contract/resume.hpp"
#include "core/plugin/environment.hpp"
#include "core/store_kit/take_up.hpp"

/// A store is a plain class with a `take(Order&)` for each order that it answers itself, which returns the
/// answer, an expected one, or the duty to answer. What it has no `take` for goes to its
/// `pass_on(Order&)`; a wrapper inherits that (store_wrapper.hpp). All of it runs in the store's actor.
namespace kiln {

/// What other threads found out comes home to it (core/contract/resume.hpp), and it may watch other stores: a
/// `take` of their news hears them before the answers that they gave afterwards.
using resumable_store =
    store_actor::extend<caf::reacts_to<resume>, caf::reacts_to<blobs_stored>, caf::reacts_to<blobs_evicted>>;

namespace store_kit {

template <class Store, class Order>
concept takes = requires(Store& store, Order& order) {
  store.take(order);
};

template <class Order, class Store>
auto handler_of(Store* store, const clock* time) {
  return [=](Order& order) -> caf::result<answer_to<Order>> {
    if constexpr (takes<Store, Order>)
      return take_up(order, *time, [&] { return store->take(order); });
    else
      return store->pass_on(order);
  };
}

template <class Store>
auto watching(Store* store) {
  return [=](watch_store& order) {
    if constexpr (takes<Store, watch_store>)
      store->take(order);
    else
      store->pass_on(order);
  };
}

template <class News, class Store>
auto news_handler(Store* store) {
  return nothrow_handler([=](const News& news) {
    if constexpr (requires { store->take(news); }) store->take(news);
  });
}

}  // namespace store_kit

/// For a store that watches no other.
template <class News>
auto hearing_nothing_of() {
  return [](const News&) {};
}

template <class Store>
resumable_store::behavior_type behaviour_of(Store* store, const clock* time) {
  using namespace store_kit;
  return {
      handler_of<find_missing>(store, time),
      handler_of<read_blob>(store, time),
      handler_of<read_blobs>(store, time),
      handler_of<write_blob>(store, time),
      handler_of<write_blobs>(store, time),
      handler_of<lend_files>(store, time),
      handler_of<lease_blobs>(store, time),
      handler_of<forget_blob>(store, time),
      handler_of<measure_store>(store, time),
      handler_of<flush_store>(store, time),
      watching(store),
      resuming(),
      news_handler<blobs_stored>(store),
      news_handler<blobs_evicted>(store),
  };
}

/// Spawns an actor that is a `Store(self, args...)`, where `self` is a resumable_store::pointer. `env` is the
/// process's and outlives it.
template <class Store, class... Args>
store_actor spawn_store(caf::actor_system& system, const environment& env, Args... args) {
  using self_pointer = typename resumable_store::template stateful_pointer<std::unique_ptr<Store>>;
  auto body = [time = env.time](self_pointer self, Args... with) -> resumable_store::behavior_type {
    self->state = std::make_unique<Store>(self, std::move(with)...);
    return behaviour_of(self->state.get(), time);
  };
  return store_actor(system.spawn(body, std::move(args)...));
}

}  // namespace kiln
