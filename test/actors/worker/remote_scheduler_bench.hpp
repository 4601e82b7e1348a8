#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <deque>

#include "actors/worker/remote_scheduler.hpp"
#include "core/contract/worker_protocol.hpp"
#include "test/harness/deterministic_system.hpp"
#include "test/harness/print.hpp"

namespace kiln::test {

using namespace std::chrono_literals;

/// The scheduler's end of one call, played by the test. The system is deterministic: one thread.
class scripted_call final : public outbound_call {
public:
  void write(byte_chain message, std::function<void(bool)> then) override {
    auto words = decode_worker_words(message);
    BOOST_REQUIRE(words.has_value());
    heard.push_back(std::move(*words));
    if (!holding) return then(true);
    held_ = std::move(then);
  }
  /// The wire takes what it was given last.
  void let_through() {
    if (auto then = std::exchange(held_, nullptr)) then(true);
  }
  void writes_done() override {}
  void read(std::function<void(expected<std::optional<byte_chain>>)> then) override {
    reader_ = std::move(then);
    deliver();
  }
  void cancel() override { cancelled = true; }

  void say(const scheduler_words& words) { say(std::optional(byte_chain(encode(words)))); }
  void say(expected<std::optional<byte_chain>> message) {
    said_.push_back(std::move(message));
    deliver();
  }
  template <class Words>
  std::size_t count() const {
    return static_cast<std::size_t>(std::count_if(
        heard.begin(), heard.end(), [](const auto& words) { return std::holds_alternative<Words>(words); }));
  }

  std::vector<worker_words> heard;
  bool cancelled = false;
  bool holding = false;  ///< writes stay under way

private:
  void deliver() {
    if (said_.empty() || !reader_) return;
    auto next = std::move(said_.front());
    said_.pop_front();
    std::exchange(reader_, nullptr)(std::move(next));
  }

  std::deque<expected<std::optional<byte_chain>>> said_;
  std::function<void(expected<std::optional<byte_chain>>)> reader_;
  std::function<void(bool)> held_;
};

class scripted_channel final : public channel {
public:
  std::shared_ptr<outbound_call> start(outbound_request request) override {
    BOOST_TEST(request.method == connect_method);
    BOOST_TEST_REQUIRE(request.metadata.size() == 1u);
    BOOST_TEST(request.metadata[0].first == "authorization");
    BOOST_TEST(request.metadata[0].second == "Bearer the-scheduler's-own");
    calls.push_back(std::make_shared<scripted_call>());
    return calls.back();
  }
  std::vector<std::shared_ptr<scripted_call>> calls;
};

struct remote_scheduler_bench {
  remote_scheduler_bench() {
    worker = system.own(system.actors().spawn([this]() -> worker_actor::behavior_type {
      return {[this](const start_action& order) { starts.push_back(order); },
              [this](const kill_action& order) { kills.push_back(order); },
              [this](const dismiss_worker& order) { dismissals.push_back(order); },
              [this](const read_output& order) -> caf::result<output_piece> {
                reads.push_back(order);
                return to_result(output);
              }};
    }));
    master = system.own(spawn_remote_scheduler(system.actors(), system.env(), way,
                                               bearer_token::from_text("the-scheduler's-own").value()));
  }
  scripted_call& call() { return *way->calls.back(); }
  std::shared_ptr<std::optional<expected<worker_welcome>>> join() {
    auto answer =
        system.begin<worker_welcome>(master, register_worker{{"here", {{"os", "linux"}}, 4, 99}, worker});
    system.run();
    return answer;
  }
  void register_well() {
    auto answer = join();
    call().say(worker_welcome{"here/1", 1s, 4s});
    system.run();
    BOOST_REQUIRE(answer->has_value());
    BOOST_REQUIRE((*answer)->has_value());
  }
  void give(const std::string& operation, std::uint64_t attempt = 1) {
    start_action order{operation, attempt, {}};
    order.action.action = digest_of("action");
    order.action.command_digest = digest_of("command");
    order.action.input_root = digest_of("root");
    call().say(order);
    system.run();
  }
  void cut() {
    call().say(fail(errc::unavailable, "connection reset"));
    system.run();
  }
  /// The next call to the scheduler, after a while; welcomed.
  void come_back() {
    auto before = way->calls.size();
    system.pass(500ms);
    BOOST_REQUIRE(way->calls.size() == before + 1);
    call().say(worker_welcome{"here/1", 1s, 4s});
    system.run();
  }
  const worker_profile& hello() { return std::get<worker_profile>(call().heard.at(0)); }
  template <class News>
  void tell(News news) {
    caf::anon_send(master, std::move(news));
    system.run();
  }

  deterministic_system system;
  std::shared_ptr<scripted_channel> way = std::make_shared<scripted_channel>();
  std::vector<start_action> starts;
  std::vector<kill_action> kills;
  std::vector<dismiss_worker> dismissals;
  std::vector<read_output> reads;
  expected<output_piece> output = output_piece{bytes::of_static("written"), false};
  worker_actor worker;
  worker_registry master;
};

}  // namespace kiln::test
