#pragma once

#include <boost/test/unit_test.hpp>
#include <map>
#include <string>
#include <vector>

#include "actors/scheduler/dispatcher.hpp"
#include "core/base/random.hpp"
#include "test/harness/print.hpp"

namespace kiln::test {

/// A dispatcher whose every word is kept.
struct dispatcher_fixture : scheduling::outbox {
  struct started_order {
    std::string worker_id;
    start_action order;
  };
  struct news_for {
    scheduling::listener_id who;
    operation_state state;
  };

  void start(const std::string& worker_id, start_action order) override {
    starts.push_back({worker_id, std::move(order)});
  }
  void kill(const std::string& worker_id, kill_action order) override {
    kills.emplace_back(worker_id, order);
  }
  void dismiss(const std::string& worker_id, dismiss_worker) override { dismissed.push_back(worker_id); }
  void forget_worker(const std::string& worker_id) override { forgotten.push_back(worker_id); }
  void tell(scheduling::listener_id who, const operation_state& state) override {
    news.push_back({who, state});
  }
  void record(const scheduling::operation& what) override { recording.emplace_back(what.name, what.attempt); }
  void ended(const scheduling::operation& what) override { waits.push_back(what.waited); }
  void set_aside(const scheduling::worker& which, duration how_long, const error&) override {
    aside.emplace_back(which.id, how_long);
  }
  void taken_back(const scheduling::worker& which) override { back.push_back(which.id); }
  void in_vain(const std::string& why, std::size_t) override { complaints.push_back(why); }

  dispatcher_fixture() = default;
  explicit dispatcher_fixture(scheduler_options given) : options(std::move(given)) {}

  static action_spec action(const std::string& name, platform_properties platform = {}) {
    action_spec spec;
    spec.instance = "main";
    spec.action = digest_of(name);
    spec.platform = std::move(platform);
    return spec;
  }
  operation_state submit(action_spec spec, scheduling::listener_id who = 1, std::int32_t priority = 0,
                         bool fresh = false) {
    auto state = dispatch.submit({std::move(spec), priority, fresh, {}}, who, now);
    BOOST_REQUIRE_MESSAGE(state.has_value(), state.error().message());
    return *state;
  }
  std::string admit(const std::string& name, std::uint32_t slots = 1, platform_properties properties = {},
                    std::uint64_t epoch = 1) {
    auto welcome = dispatch.admit({name, std::move(properties), slots, epoch}, now);
    BOOST_REQUIRE_MESSAGE(welcome.has_value(), welcome.error().message());
    dispatch.ready(welcome->worker_id);
    return welcome->worker_id;
  }
  void finish(const started_order& what, action_outcome outcome = succeeded()) {
    dispatch.finished({what.worker_id, what.order.operation, what.order.attempt, std::move(outcome)}, now);
  }
  void run(const started_order& what) {
    dispatch.started({what.worker_id, what.order.operation, what.order.attempt}, now);
  }
  /// Lets time pass with the ticks that an actor would make; live workers are heard.
  void pass(duration how_long, const std::vector<std::string>& heard = {}) {
    for (auto until = now + how_long; now < until;) {
      now += std::chrono::milliseconds(500);
      for (const auto& worker_id : heard) dispatch.beat(worker_id, now);
      dispatch.tick(now);
    }
  }
  operation_state state_of(const std::string& name) {
    auto state = dispatch.watch(name, std::nullopt);
    BOOST_REQUIRE_MESSAGE(state.has_value(), state.error().message());
    return *state;
  }

  static action_outcome succeeded() { return {{}, bytes::of_static("result"), 0, false}; }
  static action_outcome failed(errc code) { return {error(code, "something broke"), {}, 0, false}; }

  scheduler_options options;
  std::unique_ptr<random_source> random = make_seeded_random(7);
  steady_time now{std::chrono::hours(10)};
  scheduling::dispatcher dispatch{options, *random, *this};

  std::vector<started_order> starts;
  std::vector<std::pair<std::string, kill_action>> kills;
  std::vector<std::string> dismissed;
  std::vector<std::string> forgotten;
  std::vector<news_for> news;
  std::vector<std::pair<std::string, std::uint64_t>> recording;
  std::vector<duration> waits;
  std::vector<std::pair<std::string, duration>> aside;
  std::vector<std::string> back;
  std::vector<std::string> complaints;
};

}  // namespace kiln::test
