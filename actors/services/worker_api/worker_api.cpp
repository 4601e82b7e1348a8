#include "actors/services/worker_api/worker_api.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <optional>

#include "actors/services/worker_api/worker_session.hpp"
#include "core/contract/worker_protocol.hpp"
#include "core/observe/log.hpp"
#include "core/observe/log_throttle.hpp"

namespace kiln {
namespace {

struct worker_api_state {
  environment env;
  scheduler_actor scheduler;
  std::optional<bearer_token> token;
  cache_landmark landmark;
  std::optional<log_throttle> throttle;

  expected<void> admit(caf::actor_system& system, const call_ptr& from);
};

// Nobody else's cache has it: it is drawn anew by each scheduler.
cache_landmark landmark_in(store_actor content, digest_function function, random_source& chance) {
  if (!content) return {};
  auto text = bytes::copy_of(
      fmt::format("the cache of kiln's scheduler {:016x}{:016x}\n", chance.next(), chance.next()));
  auto name = digest_of(text.view(), function);
  return {std::move(content), name, std::move(text)};
}

// The peer without its port, which is another one with each try.
std::string_view host_of(std::string_view peer) {
  return peer.substr(0, peer.rfind(':'));
}

expected<void> worker_api_state::admit(caf::actor_system& system, const call_ptr& from) {
  if (token->is_shown_by(from->info().value_of(bearer_token::header_name))) {
    spawn_worker_session(system, env, scheduler, from, landmark);
    return {};
  }
  const auto& peer = from->info().peer;
  if (auto silenced = throttle->admit(host_of(peer)); silenced && env.log != nullptr)
    env.log->warn("a worker without the token was turned away", {{"peer", peer}, {"silenced", *silenced}});
  return fail(errc::unauthenticated,
              "a worker that joins shows the token of its scheduler, and this one did not");
}

}  // namespace

worker_api_actor spawn_worker_api(caf::actor_system& system, const environment& env,
                                  scheduler_actor scheduler, bearer_token token, store_actor content,
                                  digest_function function) {
  auto body = [](worker_api_actor::stateful_pointer<worker_api_state> self, const environment& process,
                 const scheduler_actor& whom, const bearer_token& secret,
                 const cache_landmark& landmark) -> worker_api_actor::behavior_type {
    auto& state = self->state;
    state.env = process;
    state.scheduler = whom;
    state.token = secret;
    state.landmark = landmark;
    state.throttle.emplace(*process.time);
    return {[self](const connect_worker_call& order) {
      begin_call(order.call, *self->state.env.time,
                 [&] { return self->state.admit(self->system(), order.call); });
    }};
  };
  auto landmark = landmark_in(std::move(content), function, *env.random);
  return system.spawn(body, env, std::move(scheduler), std::move(token), std::move(landmark));
}

void add_routes(router& routes, const worker_api_actor& to) {
  add_route<connect_worker_call>(routes, std::string(connect_method), to, requests::many);
}

}  // namespace kiln
