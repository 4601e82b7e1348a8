#include "actors/worker/remote_master.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <deque>
#include <optional>
#include <utility>

#include "core/observe/log.hpp"
#include "core/wire/worker_protocol.hpp"

namespace kiln {
namespace {

constexpr auto patience_for_welcome = std::chrono::seconds(20);
// The scheduler may need two intervals to notice that it has said nothing.
constexpr int silent_intervals = 4;
constexpr std::size_t most_unsent_news = 10'000;

/// What came over the wire, in which session.
struct master_heard {
  std::uint64_t session;
  expected<std::optional<byte_chain>> message;
};
struct master_written {
  std::uint64_t session;
};
struct master_tick {
  std::uint64_t session;
};
struct welcome_overdue {
  std::uint64_t session;
};

}  // namespace
}  // namespace kiln

KILN_MESSAGE(kiln::master_heard)
KILN_MESSAGE(kiln::master_written)
KILN_MESSAGE(kiln::master_tick)
KILN_MESSAGE(kiln::welcome_overdue)

namespace kiln {
namespace {

using remote_actor = worker_master::extend<caf::reacts_to<master_heard>, caf::reacts_to<master_written>,
                                           caf::reacts_to<master_tick>, caf::reacts_to<welcome_overdue>>;

struct remote_state;
using remote_self = remote_actor::stateful_pointer<remote_state>;

struct remote_state {
  remote_self self = nullptr;
  environment env;
  std::shared_ptr<channel> way;
  std::string identity;  ///< the header that shows the token

  std::uint64_t session = 0;
  std::shared_ptr<outbound_call> wire;  ///< null between sessions
  worker_actor worker;
  std::optional<answer<worker_welcome>> welcome;  ///< owed to the worker
  duration interval{0};                           ///< of heartbeats, once welcomed
  int silent = 0;                                 ///< intervals
  std::deque<bytes> unsent;
  bool writing = false;
  bool leaving = false;

  ~remote_state() {
    if (wire) wire->cancel();
  }
  caf::result<worker_welcome> enlist(const enlist_worker& order);
  void listen();
  void hear(const expected<std::optional<byte_chain>>& message);
  void hear_welcome(const scheduler_words& words);
  void say(const worker_words& words);
  void write_next();
  void tick();
  void end(const error& why);
};

caf::result<worker_welcome> remote_state::enlist(const enlist_worker& order) {
  if (wire) end({errc::cancelled, "the worker enlists anew"});
  auto reply = make_answer<worker_welcome>(self);
  ++session;
  if (worker != order.worker) self->monitor(order.worker);
  worker = order.worker;
  welcome = reply;
  leaving = false;
  silent = 0;
  wire = way->start(
      {std::string(connect_method), {{std::string(bearer_token::header_name), identity}}, std::nullopt});
  say(order.profile);
  listen();
  self->delayed_send(self, patience_for_welcome, welcome_overdue{session});
  return reply;
}

void remote_state::listen() {
  wire->read([me = caf::actor_cast<remote_actor>(self),
              session = session](expected<std::optional<byte_chain>> message) {
    caf::anon_send(me, master_heard{session, std::move(message)});
  });
}

void remote_state::hear(const expected<std::optional<byte_chain>>& message) {
  if (!message) return end(message.error());
  if (!*message) return end({errc::unavailable, "the scheduler has closed the session"});
  auto words = decode_scheduler_words(**message);
  if (!words) return end(words.error());
  silent = 0;
  if (welcome) {
    hear_welcome(*words);
  } else if (auto* start = std::get_if<start_action>(&*words)) {
    self->send(worker, std::move(*start));
  } else if (auto* kill = std::get_if<kill_action>(&*words)) {
    self->send(worker, std::move(*kill));
  } else if (auto* dismissal = std::get_if<dismiss_worker>(&*words)) {
    self->send(worker, std::move(*dismissal));
  }
  if (wire) listen();
}

void remote_state::hear_welcome(const scheduler_words& words) {
  const auto* welcomed = std::get_if<worker_welcome>(&words);
  if (welcomed == nullptr) return end({errc::internal, "the scheduler's first word was no welcome"});
  interval = std::max<duration>(welcomed->heartbeat_interval, std::chrono::milliseconds(10));
  std::exchange(welcome, std::nullopt)->deliver(*welcomed);
  self->delayed_send(self, interval, master_tick{session});
}

void remote_state::say(const worker_words& words) {
  if (!wire) return;  // of a session that is over: the scheduler has given it up already
  if (unsent.size() >= most_unsent_news)
    return end({errc::unavailable, "the scheduler does not read what it is told"});
  unsent.push_back(encode(words));
  write_next();
}

void remote_state::write_next() {
  if (writing || unsent.empty() || !wire) return;
  writing = true;
  auto next = std::move(unsent.front());
  unsent.pop_front();
  // A write that fails is heard of through the read.
  wire->write(std::move(next), [me = caf::actor_cast<remote_actor>(self), session = session](bool) {
    caf::anon_send(me, master_written{session});
  });
}

void remote_state::tick() {
  if (++silent > silent_intervals) return end({errc::unavailable, "the scheduler is silent"});
  self->delayed_send(self, interval, master_tick{session});
}

void remote_state::end(const error& why) {
  if (!wire) return;
  std::exchange(wire, nullptr)->cancel();
  ++session;
  unsent.clear();
  writing = false;
  if (env.log) env.log->info("the session with the scheduler is over", {{"why", why.to_string()}});
  if (welcome)
    std::exchange(welcome, std::nullopt)->deliver(failure(why));
  else if (!leaving)
    self->send(worker, dismiss_worker{why.message(), true});
}

remote_actor::behavior_type remote_behavior(remote_self self, const environment& env,
                                            const std::shared_ptr<channel>& way, const bearer_token& token) {
  auto& state = self->state;
  state.self = self;
  state.env = env;
  state.way = way;
  state.identity = token.header();
  self->set_down_handler([self](const caf::down_msg& news) {
    auto& state = self->state;
    if (!state.worker || news.source != state.worker.address()) return;
    state.leaving = true;
    state.end({errc::cancelled, "the worker is gone"});
  });
  return {
      [self](const enlist_worker& order) { return self->state.enlist(order); },
      [self](const worker_beat&) {
        if (self->state.unsent.empty() && !self->state.writing) self->state.say(session_heartbeat{});
      },
      [self](const action_started& news) { self->state.say(news); },
      [self](const action_finished& news) { self->state.say(news); },
      [self](const worker_slots& news) { self->state.say(news); },
      [self](const worker_leaving& news) {
        self->state.leaving = true;
        self->state.say(news);
      },
      [self](const master_heard& news) {
        if (news.session == self->state.session) self->state.hear(news.message);
      },
      [self](const master_written& news) {
        if (news.session != self->state.session) return;
        self->state.writing = false;
        self->state.write_next();
      },
      [self](const master_tick& news) {
        if (news.session == self->state.session) self->state.tick();
      },
      [self](const welcome_overdue& news) {
        auto& state = self->state;
        if (news.session == state.session && state.welcome)
          state.end({errc::deadline_exceeded, "the scheduler gave no welcome in time"});
      },
  };
}

}  // namespace

worker_master spawn_remote_master(caf::actor_system& system, const environment& env,
                                  std::shared_ptr<channel> way, bearer_token token) {
  return system.spawn(remote_behavior, env, std::move(way), std::move(token));
}

}  // namespace kiln
