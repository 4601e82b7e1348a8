#include "actors/worker/persistent/tool_pool.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <map>
#include <utility>

#include "actors/worker/persistent/persistent_tool.hpp"
#include "core/observe/metrics.hpp"

namespace kiln {
namespace {

struct pool_state;
using pool_self = tool_pool_actor::stateful_pointer<pool_state>;

struct pool_state {
  struct entry {
    digest key;
    std::shared_ptr<persistent_tool> tool;
    std::uint64_t bytes = 0;
    std::uint32_t lent = 0;  ///< to so many
    std::uint32_t uses = 0;
    steady_time idle_since{};
  };

  pool_self self = nullptr;
  tool_pool_context context;
  std::map<std::uint64_t, entry> tools;  ///< in the order in which they were made
  std::uint64_t next = 1;
  std::uint64_t bytes = 0;
  bool timer_set = false;
  std::size_t ending = 0;  ///< of them, by the thread pool
  bool leaving = false;
  gauge* alive = nullptr;
  counter* reused = nullptr;
  counter* begun = nullptr;
  counter* refused = nullptr;

  void count_in(metric_registry& registry);
  lent_tool borrow(const borrow_tool& order);
  bool can_serve(const entry& one, const borrow_tool& order) const;
  bool make_room(const borrow_tool& order);
  lent_tool lend(std::uint64_t number, entry& one);
  void take_back(std::uint64_t number);
  void drop(std::map<std::uint64_t, entry>::iterator which);
  void drop_idle();
  void distrust();
  void look_again_later();
  void leave();
  tool_pool_actor me() const { return caf::actor_cast<tool_pool_actor>(self); }
};

void pool_state::count_in(metric_registry& registry) {
  alive = &registry.gauges("kiln_worker_persistent_workers", "Tools that live on between actions.").with();
  auto& uses = registry.counters("kiln_worker_persistent_requests_total",
                                 "Actions that asked for a persistent worker: by whether one was reused, "
                                 "started, or none could be had.",
                                 {"how"});
  reused = &uses.with({"reused"});
  begun = &uses.with({"started"});
  refused = &uses.with({"refused"});
}

bool pool_state::can_serve(const entry& one, const borrow_tool& order) const {
  if (one.key != order.key || !one.tool->usable() || one.uses >= context.limits.uses) return false;
  return one.lent == 0 || (order.traits.multiplex && one.lent < context.limits.requests_each);
}

lent_tool pool_state::borrow(const borrow_tool& order) {
  if (leaving) return {};
  // The one that was used last: what was used is warm, and the others may become idle for long enough.
  auto best = tools.end();
  for (auto at = tools.begin(); at != tools.end(); ++at)
    if (can_serve(at->second, order) &&
        (best == tools.end() || at->second.idle_since >= best->second.idle_since))
      best = at;
  if (best != tools.end()) {
    if (reused != nullptr) reused->add();
    return lend(best->first, best->second);
  }
  if (!make_room(order)) {
    if (refused != nullptr) refused->add();
    return {};
  }
  const auto number = next++;
  auto& fresh = tools[number];
  fresh.key = order.key;
  fresh.tool = context.make(order.traits);
  fresh.bytes = order.bytes;
  bytes += fresh.bytes;
  if (alive != nullptr) alive->set(static_cast<double>(tools.size()));
  if (begun != nullptr) begun->add();
  return lend(number, fresh);
}

/// Those that have been idle for the longest time go first.
bool pool_state::make_room(const borrow_tool& order) {
  const auto& limits = context.limits;
  if (order.bytes > limits.bytes) return false;
  while (tools.size() >= limits.tools || bytes > limits.bytes - order.bytes) {
    auto oldest = tools.end();
    for (auto at = tools.begin(); at != tools.end(); ++at)
      if (at->second.lent == 0 &&
          (oldest == tools.end() || at->second.idle_since < oldest->second.idle_since))
        oldest = at;
    if (oldest == tools.end()) return false;
    drop(oldest);
  }
  return true;
}

lent_tool pool_state::lend(std::uint64_t number, entry& one) {
  ++one.lent;
  ++one.uses;
  return {{one.tool.get(), [tool = one.tool, number,
                            home = caf::actor_cast<caf::weak_actor_ptr>(self)](persistent_tool*) mutable {
             tool = nullptr;
             if (auto alive = caf::actor_cast<tool_pool_actor>(home.lock()))
               caf::anon_send(alive, return_tool{number});
           }}};
}

void pool_state::take_back(std::uint64_t number) {
  auto found = tools.find(number);
  if (found == tools.end()) return;
  auto& one = found->second;
  if (--one.lent > 0) return;
  if (!one.tool->usable() || one.uses >= context.limits.uses) return drop(found);
  one.idle_since = context.env.time->now();
  look_again_later();
}

/// Its end waits for threads and processes.
void pool_state::drop(std::map<std::uint64_t, entry>::iterator which) {
  auto tool = std::move(which->second.tool);
  bytes -= which->second.bytes;
  tools.erase(which);
  if (alive != nullptr) alive->set(static_cast<double>(tools.size()));
  tool->spoil();
  ++ending;
  auto end = [tool = std::move(tool)]() mutable -> expected<bool> {
    tool = nullptr;
    return true;
  };
  offload(me(), *context.pool, std::move(end), [self = self](const expected<bool>&) {
    auto& state = self->state;
    --state.ending;
    if (state.leaving) state.leave();
  });
}

/// Once nothing of them is left to be done elsewhere: whoever waits for us counts on that.
void pool_state::leave() {
  leaving = true;
  while (!tools.empty()) drop(tools.begin());
  if (ending == 0) self->quit(caf::exit_reason::user_shutdown);
}

void pool_state::drop_idle() {
  timer_set = false;
  const auto now = context.env.time->now();
  for (auto at = tools.begin(); at != tools.end();) {
    auto here = at++;
    if (here->second.lent == 0 && now - here->second.idle_since >= context.limits.idle) drop(here);
  }
  look_again_later();
}

/// One that is at work goes when it comes back.
void pool_state::distrust() {
  for (auto at = tools.begin(); at != tools.end();) {
    auto here = at++;
    if (here->second.lent == 0)
      drop(here);
    else
      here->second.tool->spoil();
  }
}

void pool_state::look_again_later() {
  const bool any =
      std::any_of(tools.begin(), tools.end(), [](const auto& one) { return one.second.lent == 0; });
  if (!any || std::exchange(timer_set, true)) return;
  // One timer for all of them: each waits at most a quarter longer.
  self->delayed_send(self, std::max<duration>(context.limits.idle / 4, std::chrono::milliseconds(10)),
                     drop_idle_tools{});
}

tool_pool_actor::behavior_type pool_behavior(pool_self self, tool_pool_context context) {
  auto& state = self->state;
  state.self = self;
  state.context = std::move(context);
  if (state.context.env.metrics) state.count_in(*state.context.env.metrics);
  self->set_exit_handler([self](const caf::exit_msg&) { self->state.leave(); });
  return {
      [self](const borrow_tool& order) {
        return guarded<lent_tool>([&]() -> caf::result<lent_tool> { return self->state.borrow(order); });
      },
      [self](const distrust_tools&) { self->state.distrust(); },
      [self](const return_tool& news) { self->state.take_back(news.number); },
      [self](const drop_idle_tools&) { self->state.drop_idle(); },
      resuming(),
  };
}

}  // namespace

tool_pool_actor spawn_tool_pool(caf::actor_system& system, tool_pool_context context) {
  return system.spawn(pool_behavior, std::move(context));
}

}  // namespace kiln
