#include "actors/services/health/health.hpp"

#include <grpc/health/v1/health.pb.h>

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <map>
#include <optional>

#include "core/wire/message.hpp"
#include "core/wire/status.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace health_v1 = grpc::health::v1;
namespace {

using status = health_v1::HealthCheckResponse::ServingStatus;

struct watcher {
  call_ptr to;
  std::string service;
  bool known = false;
  bool writing = false;
  std::optional<status> told;
};

struct health_state {
  health_options options;
  bool serving = false;
  bool ended = false;  // it served, and will not again
  // Who cannot work, for how many reasons: each store that is lost is one.
  std::map<std::string, int> unavailable;
  std::map<std::uint64_t, watcher> watchers;
  std::uint64_t next_watcher = 0;

  bool knows(const std::string& service) const {
    return service.empty() ||
           std::find(options.services.begin(), options.services.end(), service) != options.services.end();
  }
  status now(const std::string& service) const {
    return serving && !unavailable.contains(service) ? health_v1::HealthCheckResponse::SERVING
                                                     : health_v1::HealthCheckResponse::NOT_SERVING;
  }
  status now(const watcher& one) const {
    return one.known ? now(one.service) : health_v1::HealthCheckResponse::SERVICE_UNKNOWN;
  }
};

using health_pointer = health_actor::stateful_pointer<health_state>;

bytes message_of(status what) {
  health_v1::HealthCheckResponse response;
  response.set_status(what);
  return serialise(response);
}

// Tells what is new, one message at a time; of changes that come faster only the last is told. Once the
// server has ended there will be no news, and a stream left open would hold up the drain.
void tell(health_pointer self, std::uint64_t id) {
  auto found = self->state.watchers.find(id);
  if (found == self->state.watchers.end() || found->second.writing) return;
  auto& one = found->second;
  auto now = self->state.now(one);
  if (one.told == now) {
    if (!self->state.ended) return;
    one.to->finish(try_again(errc::unavailable, "the server is going away"));
    self->state.watchers.erase(found);
    return;
  }
  one.told = now;
  one.writing = true;
  one.to->write(message_of(now), [actor = health_actor(self), id](bool taken) {
    caf::anon_send(actor, health_told{id, !taken});
  });
}

void tell_all(health_pointer self) {
  std::vector<std::uint64_t> all;
  for (const auto& [id, one] : self->state.watchers) all.push_back(id);
  for (auto id : all) tell(self, id);
}

expected<void> check(health_pointer self, const check_health& order) {
  auto request = parse<health_v1::HealthCheckRequest>(order.request);
  if (!request) return failure(request.error());
  if (!self->state.knows(request->service()))
    return fail(errc::not_found, "no service \"{}\" here", escaped(request->service()));
  order.call->reply(message_of(self->state.now(request->service())));
  return {};
}

expected<void> watch(health_pointer self, const watch_health& order) {
  auto request = parse<health_v1::HealthCheckRequest>(order.request);
  if (!request) return failure(request.error());
  auto& state = self->state;
  if (state.watchers.size() >= state.options.max_watchers)
    return failure(busy(fmt::format("{} clients watch already", state.watchers.size())));
  auto id = state.next_watcher++;
  state.watchers.emplace(
      id, watcher{order.call, request->service(), state.knows(request->service()), false, std::nullopt});
  order.call->on_cancel([actor = health_actor(self), id] { caf::anon_send(actor, health_told{id, true}); });
  tell(self, id);
  return {};
}

health_actor::behavior_type health_behavior(health_pointer self, health_options options) {
  self->state.options = std::move(options);
  return {
      [self](set_serving now) {
        self->state.ended = self->state.serving && !now.serving;
        self->state.serving = now.serving;
        tell_all(self);
      },
      [self](const set_available& now) {
        for (const auto& service : now.services) {
          auto& reasons = self->state.unavailable[service];
          reasons += now.available ? -1 : 1;
          if (reasons <= 0) self->state.unavailable.erase(service);
        }
        tell_all(self);
      },
      [self](ask_serving) {
        return serving_state{self->state.now("") == health_v1::HealthCheckResponse::SERVING};
      },
      [self](check_health& order) {
        begin_call(order.call, *self->state.options.env.time, [&] { return check(self, order); });
      },
      [self](watch_health& order) {
        begin_call(order.call, *self->state.options.env.time, [&] { return watch(self, order); });
      },
      [self](health_told news) {
        auto found = self->state.watchers.find(news.watcher);
        if (found == self->state.watchers.end()) return;
        found->second.writing = false;
        if (news.gone)
          self->state.watchers.erase(found);
        else
          tell(self, news.watcher);
      },
  };
}

}  // namespace

health_actor spawn_health(caf::actor_system& system, health_options options) {
  return system.spawn(health_behavior, std::move(options));
}

void add_routes(router& routes, const health_actor& to) {
  add_route<check_health>(routes, "/grpc.health.v1.Health/Check", to);
  add_route<watch_health>(routes, "/grpc.health.v1.Health/Watch", to);
}

}  // namespace kiln
