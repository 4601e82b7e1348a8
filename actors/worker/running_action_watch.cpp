#include <algorithm>
#include <utility>

#include "actors/worker/running_state.hpp"
#include "core/observe/log.hpp"

/// What is looked after while a command runs, and afterwards while something of it does not end.
namespace kiln::running {
namespace {

constexpr auto between_looks = std::chrono::milliseconds(250);
/// However slow the disk is, and the machine.
constexpr auto longest_start = std::chrono::minutes(1);

}  // namespace

/// One timer for an action, however many things are to be looked after: most are over before it goes off. A
/// timer keeps the memory of who is to hear of it, so none is set for an end that is hours away.
void running_state::keep_watch() {
  if (std::exchange(watching, true)) return;
  duration pause = between_looks;
  if (ends_by) pause = std::clamp<duration>(*ends_by - resources->env.time->now(), duration(0), pause);
  self->delayed_send(self, pause, resume{[self = self] {
                       self->state.watching = false;
                       self->state.look_around();
                     }});
}

void running_state::look_around() {
  look_at_time();
  keep_watch();
  if (due && due->first == now && resources->env.time->now() >= due->second) tell_hanging();
  warn_of_removal();
  if (now != phase::running || *stop) return;
  if (!began && excess.ok() && resources->env.time->now() - handed_over >= longest_start)
    return give_up_start();
  if (std::exchange(looking, true)) return;
  auto look = [usage = usage]() -> expected<std::optional<error>> { return usage->look(); };
  offload(me(), *resources->watchers, std::move(look), [self = self](expected<std::optional<error>> found) {
    self->state.looking = false;
    self->state.take_look(std::move(found));
  });
}

/// Its time counts from its start, so nothing else ends it.
void running_state::give_up_start() {
  excess = owned_by(fault_owner::suspect, {errc::unavailable, "the command was not started within a minute"});
  kill_command();
}

void running_state::take_look(expected<std::optional<error>> found) {
  if (now != phase::running || *stop) return;
  if (!found || !*found) return;  // no room for a look is no reason to end anything
  excess = std::move(**found);
  kill_command();
}

/// Counts from its start.
void running_state::limit_time() {
  constexpr duration century = std::chrono::hours(24 * 365 * 100);
  ends_by = resources->env.time->now() + std::min(plan->timeout, century);
  if (plan->timeout < between_looks)
    self->delayed_send(self, plan->timeout, resume{[self = self] { self->state.look_at_time(); }});
}

void running_state::look_at_time() {
  if (!ends_by || resources->env.time->now() < *ends_by) return;
  ends_by.reset();
  // While preparing: the news of its start was faster than we.
  if (*stop || command_over || now < phase::preparing || now > phase::running) return;
  overdue = true;
  if (now == phase::running) end_overdue();
}

error running_state::too_late() const {
  return owned_by(fault_owner::action,
                  error(errc::deadline_exceeded,
                        fmt::format("the action ran longer than its {}", to_string(plan->timeout))));
}

/// Its time is over: it is asked to end, and has a while to do so.
void running_state::end_overdue() {
  if (resources->options.kill_grace == duration(0)) return kill_command();
  command->ask_to_end();
  self->delayed_send(self, resources->options.kill_grace, resume{[self = self] {
                       auto& state = self->state;
                       if (state.now == phase::running && !*state.stop) state.kill_command();
                     }});
}

void running_state::kill_command() {
  command->kill();
  expect_end();
}

/// What this phase waits for should be over soon; if not, nobody is made to wait for it.
void running_state::expect_end() {
  // Whoever kills once more does not put off what is due.
  if (due && due->first == now) return;
  due.emplace(now, resources->env.time->now() + resources->options.hang_after);
  keep_watch();
}

/// The end is not held up by a folder with much in it.
void running_state::expect_removal() {
  self->delayed_send(self, std::min(resources->options.removal_wait, resources->options.hang_after),
                     resume{[self = self] { self->state.tell_hanging(); }});
  removal_hangs_at = resources->env.time->now() + resources->options.hang_after;
  keep_watch();
}

void running_state::warn_of_removal() {
  if (!removal_hangs_at || resources->env.time->now() < *removal_hangs_at) return;
  removal_hangs_at.reset();
  if (auto* log = resources->env.log)
    log->warn("an action's folder cannot be removed; its slot is lost until it is gone",
              {{"operation", order.operation}});
}

void running_state::tell_hanging() {
  if (std::exchange(told, true)) return;
  if (outcome.status.ok() && now != phase::cleaning) {
    auto why = excess.ok() ? too_late() : std::move(excess);
    outcome.fault = take_owner(why, fault_place::worker);
    outcome.status = why.in_context("a process of the action cannot be ended");
  }
  self->send(owner, action_over{order.operation, order.attempt, outcome, true, now == phase::cleaning});
}

}  // namespace kiln::running
