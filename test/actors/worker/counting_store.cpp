#include "test/actors/worker/counting_store.hpp"

#include <caf/actor_system.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace kiln::test {

counting_store spawn_counting_store(caf::actor_system& system, store_actor inner) {
  auto counts = std::make_shared<read_counts>();
  auto body = [inner, counts](store_actor::pointer self) -> store_actor::behavior_type {
    return {
        [=](find_missing order) {
          counts->count_checks(order.blobs.size());
          return self->delegate(inner, std::move(order));
        },
        [=](read_blob order) {
          counts->count(order.blob);
          return self->delegate(inner, std::move(order));
        },
        [=](read_blobs order) {
          for (const auto& blob : order.blobs) counts->count(blob);
          return self->delegate(inner, std::move(order));
        },
        [=](write_blob order) { return self->delegate(inner, std::move(order)); },
        [=](write_blobs order) { return self->delegate(inner, std::move(order)); },
        [=](lend_file order) { return self->delegate(inner, std::move(order)); },
        [=](lease_blobs order) { return self->delegate(inner, std::move(order)); },
        [=](forget_blob order) { return self->delegate(inner, std::move(order)); },
        [=](measure_store order) { return self->delegate(inner, std::move(order)); },
        [=](flush_store order) { return self->delegate(inner, std::move(order)); },
        [=](watch_store order) { self->send(inner, std::move(order)); },
    };
  };
  return {system.spawn(body), counts};
}

}  // namespace kiln::test
