#include "actors/worker/worker.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "actors/worker/backoff.hpp"
#include "actors/worker/open_worker_resources.hpp"
#include "actors/worker/running_action.hpp"
#include "actors/worker/worker_profile.hpp"
#include "core/base/duration_text.hpp"
#include "core/observe/log.hpp"
#include "core/observe/metrics.hpp"

namespace kiln {
namespace {

/// To itself: try again; beat, if this is still the session that was meant.
struct register_again {};
struct beat_again {
  std::uint64_t session;
};

}  // namespace
}  // namespace kiln

KILN_MESSAGE(kiln::register_again)
KILN_MESSAGE(kiln::beat_again)

namespace kiln {
namespace {

using worker_self_type = local_worker::extend<                                               //
    caf::reacts_to<action_began>, caf::reacts_to<action_over>, caf::reacts_to<action_gone>,  //
    caf::reacts_to<register_again>, caf::reacts_to<beat_again>>;

/// A cache that is slow to tell its size does not keep a worker from its work.
constexpr auto patience_for_stats = std::chrono::seconds(5);

/// What a scheduler refuses so it will refuse again, until people have changed something.
bool is_final(errc code) noexcept {
  return code == errc::unimplemented || code == errc::unauthenticated || code == errc::permission_denied ||
         code == errc::invalid_argument;
}

struct worker_state;
using worker_self = worker_self_type::stateful_pointer<worker_state>;

struct worker_state {
  using key = std::pair<std::string, std::uint64_t>;  // operation and attempt

  worker_self self = nullptr;
  worker_resources_ptr resources;
  worker_registry master;
  worker_profile profile;
  backoff patience;

  /// `dismissed`: the session lasts until what runs has ended, but brings no more work.
  enum class standing : std::uint8_t { outside, asking, registered, dismissed };
  standing now = standing::outside;
  bool retry_planned = false;
  bool ever_registered = false;
  std::function<void(const error&)> refused;
  bool draining = false;
  bool stopping = false;
  std::string id;
  duration interval{0};
  std::uint64_t session = 0;
  std::map<key, running_action_actor> running;
  std::map<key, running_action_actor> lingering;  ///< their end was told, and each holds its slot
  std::uint32_t slots_told = 0;
  gauge* slots_lost = nullptr;
  std::vector<answer<worker_drained>> waiting;

  ~worker_state();
  void join();
  void ask_scheduler();
  void on_welcome(const worker_welcome& welcome);
  void not_registered(const error& why);
  void register_later(std::string_view news, const std::string& why, log_level level);
  void beat();
  void start(start_action& order);
  caf::result<output_piece> show(const read_output& order);
  void kill(const kill_action& order);
  void kill_all(const std::string& why);
  void dismiss(const dismiss_worker& order);
  bool in_session() const noexcept { return now == standing::registered || now == standing::dismissed; }
  void end_session();
  void say_leaving();
  void report(const std::string& operation, std::uint64_t attempt, action_outcome outcome);
  void over(action_over& news);
  void gone(const key& which);
  std::uint32_t slots() const;
  void tell_slots();
  void on_down(const caf::down_msg& news);
  void after_one_less();
  void stop();
  caf::result<worker_drained> drain();
};

worker_state::~worker_state() {
  for (const auto* all : {&running, &lingering})
    for (const auto& [which, action] : *all) caf::anon_send_exit(action, caf::exit_reason::user_shutdown);
  if (!resources) return;
  caf::anon_send_exit(resources->input_cache, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(resources->output_reader, caf::exit_reason::user_shutdown);
  if (resources->trees) caf::anon_send_exit(resources->trees, caf::exit_reason::user_shutdown);
  if (resources->tools) caf::anon_send_exit(resources->tools, caf::exit_reason::user_shutdown);
}

void worker_state::join() {
  retry_planned = false;
  if (draining || now != standing::outside || slots() == 0) return;
  now = standing::asking;
  // It may be another cache than in the last session.
  self->request(resources->cas, patience_for_stats, measure_store{})
      .then(
          [self = self](const store_stats& stats) {
            self->state.resources->room->cache_holds(stats.capacity);
            self->state.ask_scheduler();
          },
          [self = self](const caf::error&) {  // one that is far has no word for it
            self->state.resources->room->cache_holds(0);
            self->state.ask_scheduler();
          });
}

void worker_state::ask_scheduler() {
  if (now != standing::asking) return;  // the scheduler has gone meanwhile
  if (draining) {
    now = standing::outside;
    return after_one_less();
  }
  auto offered = profile;
  offered.slots = slots_told = slots();
  self->request(master, caf::infinite,
                register_worker{std::move(offered),
                                caf::actor_cast<worker_actor>(caf::actor_cast<local_worker>(self))})
      .then([self = self](const worker_welcome& welcome) { self->state.on_welcome(welcome); },
            [self = self](const caf::error& fault) {
              self->state.now = standing::outside;
              self->state.not_registered(from_caf(fault));
            });
}

void worker_state::on_welcome(const worker_welcome& welcome) {
  now = standing::registered;
  ever_registered = true;
  id = welcome.worker_id;
  interval = std::max<duration>(welcome.heartbeat_interval, std::chrono::milliseconds(10));
  ++session;
  if (resources->env.log) resources->env.log->info("registered at the scheduler", {{"worker", id}});
  if (draining) {
    self->send(master, worker_leaving{id});
    return after_one_less();
  }
  tell_slots();
  self->delayed_send(self, interval, beat_again{session});
}

/// A scheduler that may be asked again is; one that will never take us is told of, at once.
void worker_state::not_registered(const error& why) {
  if (!ever_registered && refused && is_final(why.code()) && !draining) return refused(why);
  register_later("not registered at the scheduler", why.to_string(), log_level::warn);
}

void worker_state::register_later(std::string_view news, const std::string& why, log_level level) {
  if (draining) return after_one_less();
  if (std::exchange(retry_planned, true)) return;
  auto pause = patience.next(*resources->env.random);
  if (resources->env.log)
    resources->env.log->write(level, news, {{"why", why}, {"again_in", in_words(pause)}});
  self->delayed_send(self, pause, register_again{});
}

void worker_state::beat() {
  patience.reset();  // the session lasts
  self->send(master, worker_heartbeat{id});
  self->delayed_send(self, interval, beat_again{session});
}

void worker_state::start(start_action& order) {
  key which{order.operation, order.attempt};
  if (running.contains(which) || lingering.contains(which)) return;
  if (draining || running.size() >= slots())
    return report(order.operation, order.attempt,
                  {error(errc::resource_exhausted, draining ? "the worker is going" : "no slot is free"),
                   {},
                   0,
                   false,
                   fault_owner::elsewhere});
  auto owner = caf::actor_cast<action_owner>(caf::actor_cast<worker_self_type>(self));
  auto begun = caught([&]() -> expected<running_action_actor> {
    return spawn_running_action(self->system(), resources, owner, std::move(order));
  });
  if (!begun) return report(which.first, which.second, {begun.error(), {}, 0, false, fault_owner::worker});
  self->monitor(*begun);
  running.emplace(std::move(which), std::move(*begun));
}

caf::result<output_piece> worker_state::show(const read_output& order) {
  auto found = running.find({order.operation, order.attempt});
  if (found == running.end()) return to_caf(error(errc::unavailable, "this attempt does not run here"));
  return self->delegate(found->second, order);
}

void worker_state::kill(const kill_action& order) {
  auto found = running.find({order.operation, order.attempt});
  if (found == running.end()) return;  // its end is known to us, and on its way
  self->send(found->second, stop_action{error(errc::cancelled, order.reason)});
}

void worker_state::kill_all(const std::string& why) {
  for (auto& [which, action] : running) self->send(action, stop_action{error(errc::cancelled, why)});
}

/// The scheduler gives this session no more work. We register again once nothing runs. Until then we send
/// heartbeats: the scheduler would take silence for a crash.
void worker_state::dismiss(const dismiss_worker& order) {
  if (!in_session()) return;  // meant for a session before the one that we are asking for
  if (now == standing::dismissed && !order.given_up) return;
  now = standing::dismissed;
  // Who goes by itself is dismissed in order as well, and need not say so.
  if (resources->env.log && order.given_up)
    resources->env.log->warn("given up by the scheduler", {{"worker", id}, {"why", order.reason}});
  else if (resources->env.log && !draining)
    resources->env.log->info("dismissed by the scheduler", {{"worker", id}, {"why", order.reason}});
  if (order.given_up) {
    end_session();
    kill_all(order.reason);
  }
  after_one_less();
}

void worker_state::end_session() {
  now = standing::outside;
  ++session;
}

void worker_state::report(const std::string& operation, std::uint64_t attempt, action_outcome outcome) {
  self->send(master, action_finished{id, operation, attempt, std::move(outcome)});
}

void worker_state::over(action_over& news) {
  auto found = running.find({news.operation, news.attempt});
  if (found == running.end()) return;
  if (news.lingers) {
    if (resources->env.log && !news.removing)
      resources->env.log->warn("an action's process cannot be ended; its slot is lost until it is gone",
                               {{"operation", news.operation}, {"slots_left", slots() - 1}});
    lingering.insert(running.extract(found));
    tell_slots();  // before the end, or the slot would be filled at once
  } else {
    running.erase(found);
  }
  report(news.operation, news.attempt, std::move(news.outcome));
  after_one_less();
}

void worker_state::gone(const key& which) {
  if (lingering.erase(which) == 0) return;
  tell_slots();
  after_one_less();
}

std::uint32_t worker_state::slots() const {
  return profile.slots - static_cast<std::uint32_t>(lingering.size());
}

void worker_state::tell_slots() {
  if (slots_lost != nullptr) slots_lost->set(static_cast<double>(lingering.size()));
  if (now != standing::registered || slots() == slots_told) return;
  slots_told = slots();
  self->send(master, worker_slots{id, slots_told});
}

void worker_state::on_down(const caf::down_msg& news) {
  if (news.source == master.address()) {
    end_session();
    kill_all("the scheduler is gone");
    return after_one_less();
  }
  auto is_meant = [&](const auto& one) { return one.second.address() == news.source; };
  if (auto left = std::find_if(lingering.begin(), lingering.end(), is_meant); left != lingering.end())
    return gone(key(left->first));
  auto found = std::find_if(running.begin(), running.end(), is_meant);
  if (found == running.end()) return;
  auto which = found->first;
  running.erase(found);
  report(which.first, which.second,
         {from_caf(news.reason).in_context("the action was lost within the worker"),
          {},
          0,
          false,
          fault_owner::worker});
  after_one_less();
}

void worker_state::after_one_less() {
  if (!running.empty()) return;
  if (stopping) return self->quit(caf::exit_reason::user_shutdown);
  if (now == standing::dismissed) end_session();
  if (now == standing::outside && !draining)
    return register_later("registering anew", "the last session is over", log_level::info);
  if (!draining || now == standing::asking) return;
  for (auto& one : std::exchange(waiting, {})) one.deliver(worker_drained{});
}

void worker_state::say_leaving() {
  if (!std::exchange(draining, true) && now != standing::outside) self->send(master, worker_leaving{id});
}

/// Told to go now. What runs is stopped in good order, so that nothing of it stays.
void worker_state::stop() {
  if (std::exchange(stopping, true)) return;
  say_leaving();
  kill_all("the worker stops");
  after_one_less();
}

caf::result<worker_drained> worker_state::drain() {
  auto reply = make_answer<worker_drained>(self);
  waiting.push_back(reply);
  say_leaving();
  after_one_less();
  return reply;
}

worker_self_type::behavior_type worker_behavior(worker_self self, const worker_resources_ptr& resources,
                                                const worker_registry& master, const worker_profile& profile,
                                                const std::function<void(const error&)>& refused) {
  auto& state = self->state;
  state.self = self;
  state.resources = resources;
  state.master = master;
  state.profile = profile;
  state.refused = refused;
  if (resources->env.metrics)
    state.slots_lost = &resources->env.metrics
                            ->gauges("kiln_worker_slots_lost",
                                     "Slots held by what is left of actions whose end was told already.")
                            .with();
  self->monitor(master);
  self->set_down_handler([self](const caf::down_msg& news) { self->state.on_down(news); });
  self->set_exit_handler([self](const caf::exit_msg&) { self->state.stop(); });
  self->send(self, register_again{});
  return {
      [self](start_action& order) { self->state.start(order); },
      [self](const kill_action& order) { self->state.kill(order); },
      [self](const dismiss_worker& order) { self->state.dismiss(order); },
      [self](const read_output& order) { return self->state.show(order); },
      [self](const drain_worker&) { return self->state.drain(); },
      [self](const measure_worker&) {
        return worker_stats{self->state.running.size(), self->state.slots()};
      },
      [self](const action_began& news) {
        auto& state = self->state;
        self->send(state.master, action_started{state.id, news.operation, news.attempt});
      },
      [self](action_over& news) { self->state.over(news); },
      [self](const action_gone& news) {
        self->state.gone({news.operation, news.attempt});
      },
      [self](const register_again&) { self->state.join(); },
      [self](const beat_again& when) {
        if (when.session == self->state.session) self->state.beat();
      },
  };
}

}  // namespace

expected<local_worker> spawn_worker(caf::actor_system& system, const worker_options& options,
                                    worker_context context) {
  auto profile = profile_of(options, find_own_machine(*context.env.files), *context.env.random);
  auto resources = open_worker_resources(system, options, context, profile);
  if (!resources) return failure(std::move(resources).error());
  complete(profile, options, (*resources)->sandbox != nullptr);
  return system.spawn(worker_behavior, std::move(*resources), context.master, profile, context.refused);
}

}  // namespace kiln
