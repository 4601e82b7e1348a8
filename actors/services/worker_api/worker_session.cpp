#include "actors/services/worker_api/worker_session.hpp"

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <deque>
#include <map>

#include "actors/services/common/result_rules.hpp"
#include "core/contract/on_response.hpp"
#include "core/contract/worker_protocol.hpp"
#include "core/observe/log.hpp"
#include "core/wire/message.hpp"
#include "core/wire/message_limits.hpp"

namespace kiln {
namespace {

// A result is kept and told as if it were ours, so it has to be one, of the size that clients take.
void accept_result(action_outcome& outcome) {
  if (outcome.result.empty()) return;
  auto fine = caught([&]() -> expected<void> {
    auto result = parse<build::bazel::remote::execution::v2::ActionResult>(outcome.result);
    if (!result) return failure(result.error());
    clean_result(*result);
    slim_result(*result);
    outcome.result = serialise(*result);
    return check_size(largest::result, outcome.result.size());
  });
  if (fine) return;
  outcome.result = {};
  if (outcome.status.ok())
    outcome.status = {errc::failed_precondition,
                      fmt::format("the worker's result cannot be taken: {}", fine.error().message())};
}

constexpr auto patience_for_hello = std::chrono::seconds(10);
/// A worker looks for ten seconds.
constexpr auto patience_for_proof = std::chrono::seconds(20);
/// To put the blob that it looks for into our cache.
constexpr auto patience_for_landmark = std::chrono::seconds(5);
/// Messages that wait for a worker to read them. It is sent no more than its slots hold, and kills: one that
/// leaves so many unread is no use.
constexpr std::size_t max_unsent_orders = 100'000;
/// So many messages are heard before a heartbeat tells of it out of turn: the worker keeps them until then.
constexpr std::uint64_t max_untold = 1000;
/// Pieces of output that are asked for at once, and how long each may take: a worker answers within ten
/// seconds.
constexpr std::size_t max_outputs_asked = 1000;
constexpr auto patience_for_output = std::chrono::seconds(30);

struct session_state {
  static constexpr const char* name = "worker_session";

  explicit session_state(worker_session_actor::pointer self) : self(self) {}

  worker_session_actor::behavior_type make_behavior(const environment& process, scheduler_actor whom,
                                                    call_ptr connection, cache_landmark mark);
  void listen();
  void hear(const expected<std::optional<byte_chain>>& message);
  void hear_hello(worker_words& words);
  void ask_for_proof();
  void hear_proof(const worker_words& words);
  void believe(const error& why);
  void join(const worker_profile& profile);
  void hello_overdue();
  void hear_words(worker_words words);
  void say(const scheduler_words& words);
  void say_what_was_heard();
  caf::result<output_piece> ask_output(const read_output& order);
  void hear_output(output_told& told);
  void give_up_outputs();
  void write_next();
  void tick();
  void end(error status);

  const worker_session_actor::pointer self;
  environment env;
  scheduler_actor scheduler;
  call_ptr wire;
  cache_landmark landmark;
  bool introduced = false;
  std::optional<worker_profile> proving;  ///< who it is, while it is asked for proof
  bool hello_was_due = false;             ///< what is due next is the proof
  std::string worker_id;                  ///< empty until the scheduler has welcomed it
  duration heartbeat_interval{0};
  std::deque<bytes> unsent;
  bool writing = false;
  bool spoken = false;      ///< since the last tick
  std::uint64_t heard = 0;  ///< messages
  std::uint64_t told = 0;   ///< of which the worker knows that they were heard
  struct asked_output {
    answer<output_piece> reply;
    std::uint32_t limit;
    steady_time since;
  };
  std::map<std::uint64_t, asked_output> outputs;  ///< by the number of the asking, and so by age
  std::uint64_t last_output = 0;
};

void session_state::listen() {
  if (!wire) return;
  wire->read([me = worker_session_actor(self)](expected<std::optional<byte_chain>> message) {
    caf::anon_send(me, session_heard{std::move(message)});
  });
}

void session_state::hear(const expected<std::optional<byte_chain>>& message) {
  if (!message) return end(message.error());
  if (!*message) return end({});
  auto words = decode_worker_words(**message);
  if (!words) return end(words.error());
  if (auto* output = std::get_if<output_told>(&*words); output != nullptr && !worker_id.empty()) {
    hear_output(*output);
    return listen();
  }
  ++heard;
  if (proving) return hear_proof(*words);
  if (worker_id.empty()) return hear_hello(*words);
  hear_words(std::move(*words));
  if (heard - told >= max_untold) say_what_was_heard();
  listen();
}

// Nothing more is read until the scheduler has answered.
void session_state::hear_hello(worker_words& words) {
  auto* hello = std::get_if<proving_worker>(&words);
  const auto* plain = std::get_if<worker_profile>(&words);
  if (hello == nullptr && plain == nullptr)
    return end({errc::invalid_argument, "a worker's first message is its hello"});
  introduced = true;
  if (plain != nullptr) return join(*plain);
  if (!landmark.content) return join(hello->profile);
  proving = std::move(hello->profile);
  self->delayed_send(self, patience_for_proof, session_hello_due{});
  // Each time, for it may have left the cache since.
  kiln::on_response(
      self->request(landmark.content, patience_for_landmark, write_blobs{{{landmark.blob, landmark.text}}}),
      [this](const receipts& answer) {
        if (answer.results.size() == 1 && answer.results[0]) return ask_for_proof();
        believe(answer.results.empty() ? error(errc::internal, "no answer") : answer.results[0].error());
      },
      [this](const caf::error& fault) { believe(from_caf(fault)); });
}

/// A cache that takes nothing from us says nothing of the worker.
void session_state::believe(const error& why) {
  if (!proving) return;
  env.log->warn("a worker is taken without proof that it has our cache",
                {{"worker", proving->name}, {"why", why.to_string()}});
  join(*std::exchange(proving, std::nullopt));
}

void session_state::ask_for_proof() {
  say(prove_cache{landmark.blob});
  listen();
}

void session_state::hear_proof(const worker_words& words) {
  const auto* proof = std::get_if<cache_proof>(&words);
  if (proof == nullptr) return end({errc::invalid_argument, "a worker that was asked for proof answers"});
  if (proof->status.ok()) return join(*std::exchange(proving, std::nullopt));
  env.log->warn("a worker that has another cache was turned away",
                {{"worker", proving->name}, {"why", proof->status.message()}});
  end({errc::failed_precondition, proof->status.message()});
}

void session_state::join(const worker_profile& profile) {
  kiln::on_response(
      self->request(scheduler, caf::infinite, register_worker{profile, worker_actor(self), true}),
      [this](const worker_welcome& welcome) {
        worker_id = welcome.worker_id;
        heartbeat_interval = welcome.heartbeat_interval;
        say(welcome);
        listen();
        self->delayed_send(self, std::chrono::duration_cast<std::chrono::milliseconds>(heartbeat_interval),
                           session_tick{});
      },
      [this](const caf::error& fault) { end(from_caf(fault)); });
}

void session_state::hear_words(worker_words words) {
  if (auto* started = std::get_if<action_started>(&words)) {
    started->worker_id = worker_id;
    self->send(scheduler, std::move(*started));
  } else if (auto* finished = std::get_if<action_finished>(&words)) {
    finished->worker_id = worker_id;
    accept_result(finished->outcome);
    self->send(scheduler, std::move(*finished));
  } else if (auto* slots = std::get_if<worker_slots>(&words)) {
    self->send(scheduler, worker_slots{worker_id, slots->slots});
  } else if (std::holds_alternative<worker_leaving>(words)) {
    self->send(scheduler, worker_leaving{worker_id});
  } else {
    self->send(scheduler, worker_heartbeat{worker_id});
  }
}

void session_state::say(const scheduler_words& words) {
  if (!wire) return;
  if (unsent.size() >= max_unsent_orders)
    return end({errc::unavailable, "the worker does not read what it is sent"});
  unsent.push_back(encode(words));
  spoken = true;
  write_next();
}

void session_state::say_what_was_heard() {
  told = heard;
  say(session_heartbeat{heard});
}

caf::result<output_piece> session_state::ask_output(const read_output& order) {
  if (!wire || worker_id.empty()) return to_caf(error(errc::unavailable, "the worker is not there"));
  if (outputs.size() >= max_outputs_asked)
    return to_caf(error(errc::resource_exhausted, "too much output of this worker is being followed"));
  auto reply = make_answer<output_piece>(self);
  outputs.emplace(++last_output, asked_output{reply, order.limit, self->clock().now()});
  say(output_wanted{last_output, order});
  return reply;
}

/// What was not asked for, or not any more, is dropped.
void session_state::hear_output(output_told& told) {
  self->send(scheduler, worker_heartbeat{worker_id});
  auto found = outputs.find(told.number);
  if (found == outputs.end()) return;
  auto [reply, limit, since] = std::move(found->second);
  outputs.erase(found);
  if (!told.status.ok()) return reply.deliver(failure(std::move(told.status)));
  if (told.piece.data.size() > limit)
    return reply.deliver(fail(errc::internal, "the worker told more of its output than it was asked for"));
  reply.deliver(std::move(told.piece));
}

void session_state::give_up_outputs() {
  const auto before = self->clock().now() - patience_for_output;
  while (!outputs.empty() && outputs.begin()->second.since < before) {
    outputs.begin()->second.reply.deliver(
        fail(errc::unavailable, "the worker does not say what its action writes"));
    outputs.erase(outputs.begin());
  }
}

void session_state::write_next() {
  if (writing || unsent.empty()) return;
  writing = true;
  auto next = std::move(unsent.front());
  unsent.pop_front();
  wire->write(std::move(next),
              [me = worker_session_actor(self)](bool well) { caf::anon_send(me, session_written{well}); });
}

void session_state::tick() {
  if (heard != told || (!spoken && unsent.empty())) say_what_was_heard();
  spoken = false;
  give_up_outputs();
  self->delayed_send(self, std::chrono::duration_cast<std::chrono::milliseconds>(heartbeat_interval),
                     session_tick{});
}

void session_state::hello_overdue() {
  if (!introduced) return end({errc::deadline_exceeded, "the worker did not introduce itself in time"});
  if (proving && std::exchange(hello_was_due, true))
    end({errc::deadline_exceeded, "the worker did not say in time whether its cache is ours"});
}

void session_state::end(error status) {
  if (!wire) return;
  env.log->debug("worker session ended", {{"worker", worker_id}, {"status", status}});
  std::exchange(wire, nullptr)->finish(std::move(status));
  self->quit();
}

worker_session_actor::behavior_type session_state::make_behavior(const environment& process,
                                                                 scheduler_actor whom, call_ptr connection,
                                                                 cache_landmark mark) {
  env = process;
  scheduler = std::move(whom);
  wire = std::move(connection);
  landmark = std::move(mark);
  wire->on_cancel([me = worker_session_actor(self)] { caf::anon_send(me, session_cut{}); });
  listen();
  self->delayed_send(self, patience_for_hello, session_hello_due{});
  return {
      [this](const start_action& order) { say(order); },
      [this](const kill_action& order) { say(order); },
      [this](const dismiss_worker& order) {
        if (order.given_up) return end({errc::unavailable, order.reason});
        say(order);
      },
      [this](const read_output& order) { return ask_output(order); },
      [this](const session_heard& news) { hear(news.message); },
      [this](const session_written& news) {
        writing = false;
        if (!news.well) return end({errc::cancelled, "the connection to the worker is gone"});
        write_next();
      },
      [this](const session_tick&) { tick(); },
      [this](const session_hello_due&) { hello_overdue(); },
      [this](const session_cut&) {
        end({errc::cancelled, "the connection to the worker is gone"});
      },
  };
}

}  // namespace

worker_session_actor spawn_worker_session(caf::actor_system& system, const environment& env,
                                          scheduler_actor scheduler, call_ptr connection,
                                          cache_landmark landmark) {
  auto body = [](worker_session_actor::stateful_pointer<session_state> self, environment process,
                 scheduler_actor whom, call_ptr from,
                 cache_landmark mark) -> worker_session_actor::behavior_type {
    return self->state.make_behavior(process, std::move(whom), std::move(from), std::move(mark));
  };
  return system.spawn(body, env, std::move(scheduler), std::move(connection), std::move(landmark));
}

}  // namespace kiln
