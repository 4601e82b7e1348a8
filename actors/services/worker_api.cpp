#include "actors/services/worker_api.hpp"

#include <caf/typed_event_based_actor.hpp>

#include "actors/services/worker_session.hpp"
#include "core/wire/worker_protocol.hpp"

namespace kiln {

worker_api_actor spawn_worker_api(caf::actor_system& system, const environment& env,
                                  scheduler_actor scheduler) {
  auto body = [](worker_api_actor::pointer self, environment process,
                 scheduler_actor whom) -> worker_api_actor::behavior_type {
    return {[self, process, whom](const connect_worker_call& order) {
      begin_call(order.call, *process.time, [&]() -> expected<void> {
        spawn_worker_session(self->system(), process, whom, order.call);
        return {};
      });
    }};
  };
  return system.spawn(body, env, std::move(scheduler));
}

void add_routes(router& routes, const worker_api_actor& to) {
  add_route<connect_worker_call>(routes, std::string(connect_method), to, requests::many);
}

}  // namespace kiln
