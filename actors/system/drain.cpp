#include "actors/system/drain.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <optional>

#include "core/observe/log.hpp"

namespace kiln {
namespace {

struct drain_state {
  std::vector<drain_step> steps;
  logger* log = nullptr;
  std::vector<answer<drained>> askers;
  steady_time begun;
  std::optional<std::size_t> running;
  std::optional<drained> ended;
};

using drain_self = drain_actor::stateful_pointer<drain_state>;

void start_step(drain_self self, std::size_t step) {
  auto& state = self->state;
  if (step == state.steps.size()) {
    state.running.reset();
    bool complete = !state.ended || state.ended->complete;
    state.ended = drained{complete};
    for (auto& asker : state.askers) asker.deliver(*state.ended);
    state.askers.clear();
    return;
  }
  state.running = step;
  const auto& next = state.steps[step];
  if (state.log) state.log->debug("draining", {{"step", next.name}});
  auto left = std::max(state.begun + next.until - self->clock().now(), duration::zero());
  self->delayed_send(self, left, drain_step_overdue{step});
  auto me = caf::actor_cast<caf::weak_actor_ptr>(self);
  next.run([me, step] {
    if (auto drain = caf::actor_cast<drain_actor>(me)) caf::anon_send(drain, drain_step_done{step});
  });
}

drain_actor::behavior_type drain_behavior(drain_self self, std::vector<drain_step> steps, logger* log) {
  self->state.steps = std::move(steps);
  self->state.log = log;
  return {
      [self](begin_drain) -> caf::result<drained> {
        auto& state = self->state;
        if (state.ended && !state.running) return *state.ended;
        auto asker = make_answer<drained>(self);
        state.askers.push_back(asker);
        if (!state.running) {
          state.begun = self->clock().now();
          start_step(self, 0);
        }
        return asker;
      },
      [self](drain_step_done done) {
        if (self->state.running == done.step) start_step(self, done.step + 1);
      },
      [self](drain_step_overdue overdue) {
        auto& state = self->state;
        if (state.running != overdue.step) return;
        state.ended = drained{false};
        if (state.log) state.log->warn("gave up waiting", {{"step", state.steps[overdue.step].name}});
        start_step(self, overdue.step + 1);
      },
  };
}

}  // namespace

drain_actor spawn_drain(caf::actor_system& system, std::vector<drain_step> steps, logger* log) {
  return system.spawn(drain_behavior, std::move(steps), log);
}

}  // namespace kiln
