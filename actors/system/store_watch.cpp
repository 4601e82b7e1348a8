#include "actors/system/store_watch.hpp"

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>

#include "core/base/duration_text.hpp"
#include "core/observe/log.hpp"

namespace kiln {
namespace {

constexpr auto ask_every = std::chrono::seconds(5);
constexpr auto patience_for_store = std::chrono::seconds(15);

/// To itself: ask this one.
struct ask_store {
  std::size_t which = 0;
};

}  // namespace
}  // namespace kiln

KILN_MESSAGE(kiln::ask_store)

namespace kiln {
namespace {

struct watch_state {
  struct entry {
    watched_store about;
    bool lost = false;
    steady_time since{};
  };
  environment env;
  std::vector<entry> stores;
  serving_actor health;

  void answered(entry& one);
  void failed(entry& one, const error& why);
  void tell(const entry& one) const {
    if (health) caf::anon_send(health, set_available{one.about.services, !one.lost});
  }
};

void watch_state::answered(entry& one) {
  if (!std::exchange(one.lost, false)) return;
  if (env.log)
    env.log->info("a store answers again",
                  {{"store", one.about.name}, {"after", in_words(env.time->now() - one.since)}});
  tell(one);
}

void watch_state::failed(entry& one, const error& why) {
  if (std::exchange(one.lost, true)) return;
  one.since = env.time->now();
  if (env.log) env.log->warn("a store does not answer", {{"store", one.about.name}, {"why", why}});
  tell(one);
}

using watch_self = caf::stateful_actor<watch_state>*;

caf::behavior watch_stores(watch_self self, const environment& env, const std::vector<watched_store>& stores,
                           const serving_actor& health) {
  auto& state = self->state;
  state.env = env;
  state.health = health;
  for (const auto& one : stores) state.stores.push_back({one});
  for (std::size_t i = 0; i < stores.size(); ++i) self->send(self, ask_store{i});
  return {[self](const ask_store& order) {
    // Nobody has such a blob, so the answer costs little, and every layer down to the last has to give it.
    static const digest nobody_has = digest_of("kiln asks whether this store answers");
    auto next = [self, order] { self->delayed_send(self, ask_every, order); };
    self->request(self->state.stores[order.which].about.store, patience_for_store, find_missing{{nobody_has}})
        .then(
            [self, order, next](const missing_blobs&) {
              self->state.answered(self->state.stores[order.which]);
              next();
            },
            [self, order, next](const caf::error& fault) {
              self->state.failed(self->state.stores[order.which], from_caf(fault));
              next();
            });
  }};
}

}  // namespace

caf::actor spawn_store_watch(caf::actor_system& system, const environment& env,
                             std::vector<watched_store> stores, serving_actor health) {
  return system.spawn(watch_stores, env, std::move(stores), std::move(health));
}

}  // namespace kiln
