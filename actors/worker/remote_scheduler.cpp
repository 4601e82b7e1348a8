#include "actors/worker/remote_scheduler.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <optional>
#include <utility>

#include "actors/worker/backoff.hpp"
#include "actors/worker/inputs/blob_search.hpp"
#include "actors/worker/remote_session.hpp"
#include "actors/worker/session_ledger.hpp"
#include "actors/worker/session_outbox.hpp"
#include "core/contract/worker_protocol.hpp"
#include "core/observe/log.hpp"

namespace kiln {
namespace {

constexpr auto patience_for_welcome = std::chrono::seconds(20);
// For a blob to come to this worker's cache; less than that, so that the scheduler hears how it ended.
constexpr auto patience_for_proof = std::chrono::seconds(10);
// The scheduler may need two intervals to notice that it has said nothing.
constexpr int silent_intervals = 4;
constexpr std::size_t max_unsent_news = 10'000;
// The scheduler has no more than a thousand under way, and asks for little in each.
constexpr std::size_t max_outputs_wanted = 2000;

/// Whether the next try may end better. What a scheduler refuses with other codes, it has decided.
bool may_pass(errc code) noexcept {
  switch (code) {
    case errc::cancelled:
    case errc::unknown:
    case errc::deadline_exceeded:
    case errc::resource_exhausted:
    case errc::aborted:
    case errc::internal:
    case errc::unavailable:
      return true;
    default:
      return false;
  }
}

struct remote_state;
using remote_self = remote_actor::stateful_pointer<remote_state>;

struct remote_state {
  remote_self self = nullptr;
  environment env;
  std::shared_ptr<channel> way;
  std::string identity;  ///< the header that shows the token
  store_actor cache;     ///< the worker's; null: nothing is proved of it

  // The worker.
  worker_actor worker;
  worker_profile profile;
  std::optional<answer<worker_welcome>> welcome;  ///< owed to the worker
  bool leaving = false;
  session_ledger ledger;
  std::optional<worker_slots> slots;  ///< the last that it said of them

  // The session.
  std::uint64_t session = 0;
  std::shared_ptr<outbound_call> wire;  ///< null between sessions
  bool welcomed = false;
  duration interval{0};  ///< of heartbeats, once welcomed
  duration patience{0};  ///< how long the scheduler waits for one that is away
  int silent = 0;        ///< intervals
  session_outbox unsent;
  std::size_t outputs_wanted = 0;  ///< of this session, that the worker has not answered
  bool writing = false;

  // The way back.
  bool away = false;
  std::uint64_t absence = 0;
  backoff pauses;

  ~remote_state() {
    if (wire) wire->cancel();
  }
  caf::result<worker_welcome> join(const register_worker& order);
  void open();
  void listen();
  void hear(const expected<std::optional<byte_chain>>& message);
  void hear_order(scheduler_words& words);
  void hear_welcome(const scheduler_words& words);
  void prove(const digest& blob);
  void show(output_wanted& wanted);
  void tell(output_told words, std::uint64_t of);
  void write(const worker_words& words);
  void say(const worker_words& words);
  void report(const action_finished& news);
  void write_next();
  void tick();
  void close();
  void end(const error& why);
  void give_up(const error& why);
};

caf::result<worker_welcome> remote_state::join(const register_worker& order) {
  close();
  if (welcome) welcome->deliver(fail(errc::cancelled, "the worker registers anew"));
  away = false;
  ledger.clear();
  slots.reset();
  auto reply = make_answer<worker_welcome>(self);
  if (worker != order.worker) self->monitor(order.worker);
  worker = order.worker;
  profile = order.profile;
  welcome = reply;
  leaving = false;
  open();
  return reply;
}

void remote_state::open() {
  silent = 0;
  welcomed = false;
  wire = way->start(
      {std::string(connect_method), {{std::string(bearer_token::header_name), identity}}, std::nullopt});
  auto hello = profile;
  hello.running = ledger.held();
  ledger.open();
  if (cache && hello.running.empty())
    write(proving_worker{std::move(hello)});
  else
    write(hello);
  if (wire) listen();
  self->delayed_send(self, patience_for_welcome, welcome_overdue{session});
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
  // With a command of any size in it: what is thrown ends the session, and not what the worker runs.
  auto words = caught([&] { return decode_scheduler_words(**message); });
  if (!words) return end(words.error());
  silent = 0;
  if (welcomed)
    hear_order(*words);
  else
    hear_welcome(*words);
  if (wire) listen();
}

void remote_state::hear_order(scheduler_words& words) {
  if (auto* start = std::get_if<start_action>(&words)) {
    if (ledger.given(start->operation, start->attempt)) self->send(worker, std::move(*start));
  } else if (auto* kill = std::get_if<kill_action>(&words)) {
    self->send(worker, std::move(*kill));
  } else if (auto* dismissal = std::get_if<dismiss_worker>(&words)) {
    self->send(worker, std::move(*dismissal));
  } else if (auto* heartbeat = std::get_if<session_heartbeat>(&words)) {
    ledger.heard(heartbeat->heard);
  } else if (auto* wanted = std::get_if<output_wanted>(&words)) {
    show(*wanted);
  }
}

void remote_state::show(output_wanted& wanted) {
  if (++outputs_wanted + unsent.outputs() > max_outputs_wanted)
    return end({errc::internal, "the scheduler wants too much output at once"});
  self->request(worker, caf::infinite, std::move(wanted.what))
      .then(
          [self = self, of = session, number = wanted.number](output_piece& piece) {
            self->state.tell({number, std::move(piece), {}}, of);
          },
          [self = self, of = session, number = wanted.number](const caf::error& fault) {
            self->state.tell({number, {}, from_caf(fault)}, of);
          });
}

// One that came too late is for nobody: the scheduler asks anew in each session.
void remote_state::tell(output_told words, std::uint64_t of) {
  if (of != session || !wire) return;
  --outputs_wanted;
  auto message = caught([&]() -> expected<bytes> { return encode(worker_words(std::move(words))); });
  if (!message) return end(message.error());
  unsent.add_output(std::move(*message));
  write_next();
}

void remote_state::prove(const digest& blob) {
  auto answer = [self = self, of = session, blob](const error& fault) {
    auto& state = self->state;
    if (of != state.session) return;
    if (fault.ok()) return state.write(cache_proof{});
    auto sentence = fmt::format(
        "this worker's cache (--cache, worker.cas) is not the one that the scheduler's clients use: blob {}, "
        "which the scheduler has put there, cannot be found in it: {}",
        blob, fault.to_string());
    state.write(cache_proof{{errc::failed_precondition, std::move(sentence)}});
  };
  std::make_shared<blob_search<remote_self>>(self, cache, blob, patience_for_proof, std::move(answer))
      ->look();
}

void remote_state::hear_welcome(const scheduler_words& words) {
  if (const auto* wanted = std::get_if<prove_cache>(&words); wanted != nullptr && cache)
    return prove(wanted->blob);
  const auto* welcome_said = std::get_if<worker_welcome>(&words);
  if (welcome_said == nullptr) return end({errc::internal, "the scheduler's first word was no welcome"});
  welcomed = true;
  interval = std::max<duration>(welcome_said->heartbeat_interval, std::chrono::milliseconds(10));
  patience = std::max<duration>(welcome_said->patience, interval);
  self->delayed_send(self, interval, master_tick{session});
  if (welcome) std::exchange(welcome, std::nullopt)->deliver(*welcome_said);
  if (!std::exchange(away, false)) return;
  pauses.reset();
  if (env.log) env.log->info("back at the scheduler", {{"worker", welcome_said->worker_id}});
  if (slots) say(*slots);
  if (leaving) say(worker_leaving{});
  ledger.repeat([this](const auto& news) { say(news); });
}

void remote_state::say(const worker_words& words) {
  if (!wire || !welcomed) return;
  if (unsent.news() >= max_unsent_news)
    return end({errc::unavailable, "the scheduler does not read what it is told"});
  ledger.say();
  write(words);
}

void remote_state::write(const worker_words& words) {
  // A result of any size may be in it. What cannot be said now is kept, and said when we are back.
  auto message = caught([&]() -> expected<bytes> { return encode(words); });
  if (!message) return end(message.error());
  unsent.add_news(std::move(*message));
  write_next();
}

// What was said of an end is kept until the scheduler has heard it; what could not be said, until it can.
void remote_state::report(const action_finished& news) {
  if (ledger.reports() >= max_unsent_news)
    return give_up({errc::unavailable, "the scheduler does not say that it hears anything"});
  bool now = wire && welcomed;
  ledger.ended(news, now ? ledger.next() : 0);
  if (now) say(news);
}

void remote_state::write_next() {
  if (writing || !wire) return;
  auto next = unsent.next();
  if (!next) return;
  writing = true;
  // A write that fails is heard of through the read.
  wire->write(std::move(*next), [me = caf::actor_cast<remote_actor>(self), session = session](bool) {
    caf::anon_send(me, master_written{session});
  });
}

void remote_state::tick() {
  if (++silent > silent_intervals) return end({errc::unavailable, "the scheduler is silent"});
  self->delayed_send(self, interval, master_tick{session});
}

/// Nothing of the session is heard any more.
void remote_state::close() {
  if (wire) std::exchange(wire, nullptr)->cancel();
  ++session;
  unsent.clear();
  outputs_wanted = 0;
  writing = false;
  welcomed = false;
}

void remote_state::end(const error& why) {
  if (!wire) return;
  close();
  if (welcome) return std::exchange(welcome, std::nullopt)->deliver(failure(why));
  // One that goes has nothing to lose by that.
  if (env.log && !(leaving && ledger.empty()))
    env.log->info("the session with the scheduler is over", {{"why", why.to_string()}});
  if (ledger.empty() || !may_pass(why.code())) return give_up(why);
  if (!std::exchange(away, true)) self->delayed_send(self, patience, return_overdue{++absence});
  self->delayed_send(self, pauses.next(*env.random), come_back{session});
}

void remote_state::give_up(const error& why) {
  close();
  away = false;
  bool unwanted = ledger.runs_something();
  ledger.clear();
  if (!leaving || unwanted) self->send(worker, dismiss_worker{why.message(), true});
}

remote_actor::behavior_type remote_behavior(remote_self self, const environment& env,
                                            const std::shared_ptr<channel>& way, const bearer_token& token,
                                            const store_actor& cache) {
  auto& state = self->state;
  state.self = self;
  state.env = env;
  state.way = way;
  state.identity = token.header();
  state.cache = cache;
  self->set_down_handler([self](const caf::down_msg& news) {
    auto& state = self->state;
    if (!state.worker || news.source != state.worker.address()) return;
    state.leaving = true;
    state.welcome.reset();
    state.ledger.clear();
    state.away = false;
    state.close();
  });
  return {
      [self](const register_worker& order) { return self->state.join(order); },
      [self](const worker_heartbeat&) {
        auto& state = self->state;
        // Whatever else is said says that we are alive; but output waits for the way to be free.
        if (state.unsent.news() == 0) state.say(session_heartbeat{});
      },
      [self](const action_started& news) {
        self->state.ledger.began(news);
        self->state.say(news);
      },
      [self](const action_finished& news) { self->state.report(news); },
      [self](const worker_slots& news) {
        self->state.slots = news;
        self->state.say(news);
      },
      [self](const worker_leaving& news) {
        auto& state = self->state;
        state.leaving = true;
        // To be taken may last, where a cache is to be proved.
        if (state.welcome) return state.end({errc::cancelled, "the worker goes before it was taken"});
        state.say(news);
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
        if (news.session == state.session && !state.welcomed)
          state.end({errc::deadline_exceeded, "the scheduler gave no welcome in time"});
      },
      [self](const come_back& when) {
        if (self->state.away && when.session == self->state.session) self->state.open();
      },
      [self](const return_overdue& when) {
        auto& state = self->state;
        if (state.away && when.absence == state.absence)
          state.give_up({errc::unavailable, "the scheduler could not be reached again in time"});
      },
      [self](const resume& next) {
        (void)self;
        next.then();
      },
  };
}

}  // namespace

worker_registry spawn_remote_scheduler(caf::actor_system& system, const environment& env,
                                       std::shared_ptr<channel> way, bearer_token token, store_actor cache) {
  return system.spawn(remote_behavior, env, std::move(way), std::move(token), std::move(cache));
}

}  // namespace kiln
