#include "actors/scheduler/scheduler.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "core/wire/action_record.hpp"
#include "test/actors/scheduler/scripted_worker.hpp"
#include "test/harness/print.hpp"

/// The actor around the dispatcher: handles, timers, the action cache.
using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace scheduler {

struct scheduler_fixture {
  deterministic_system system;
  store_actor results = system.spawn_store("{type: memory, capacity: 64MiB}", store_role::results);
  scheduler_actor scheduler = system.own(spawn_scheduler(system.actors(), system.env(), {}, results));

  struct audience {
    operation_observer handle;
    std::shared_ptr<std::vector<operation_state>> news = std::make_shared<std::vector<operation_state>>();
  };
  audience listen() {
    audience made;
    made.handle = system.own(system.actors().spawn([news = made.news]() -> operation_observer::behavior_type {
      return {[news](const operation_changed& what) { news->push_back(what.state); }};
    }));
    return made;
  }
  expected<operation_state> submit(const std::string& name, const operation_observer& listener) {
    action_spec spec;
    spec.instance = "main";
    spec.action = digest_of(name);
    return system.ask<operation_state>(scheduler, submit_action{std::move(spec), 0, false, listener});
  }
  expected<operation_state> look(const std::string& name) {
    return system.ask<operation_state>(scheduler, watch_operation{name, {}});
  }
  /// What the action cache holds for this action.
  expected<bytes> record_of(const std::string& name) {
    auto key = record_key(record_kind::action_result, "main", digest_of(name));
    auto batch = system.ask<blob_batch>(results, read_blobs{{key}});
    if (!batch) return fail(batch.error());
    if (!batch->results[0]) return fail(batch->results[0].error());
    return unwrap_result(*batch->results[0]);
  }
  void pass(duration how_long, std::initializer_list<scripted_worker*> alive) {
    for (auto left = how_long; left > duration::zero(); left -= 1s) {
      for (auto* each : alive) each->beat();
      system.pass(1s);
    }
  }
};

}  // namespace scheduler

BOOST_FIXTURE_TEST_SUITE(scheduler, scheduler_fixture)

BOOST_AUTO_TEST_CASE(a_result_is_in_the_action_cache_when_its_listener_hears_of_it) {
  scripted_worker worker(system, scheduler, {"w", {}, 1, 1});
  BOOST_REQUIRE(worker.join());
  auto who = listen();
  auto state = submit("a", who.handle);
  BOOST_REQUIRE(state);
  BOOST_REQUIRE_EQUAL(worker.starts().size(), 1);
  worker.begin(worker.starts()[0]);
  worker.finish(worker.starts()[0], {{}, bytes::of_static("the result"), 0, false});
  BOOST_REQUIRE_EQUAL(who.news->size(), 2);
  BOOST_TEST((*who.news)[0].now == stage::executing);
  BOOST_TEST((*who.news)[1].now == stage::completed);
  auto record = record_of("a");
  BOOST_REQUIRE_MESSAGE(record.has_value(), record.error().message());
  BOOST_TEST(record->view() == "the result");
}

BOOST_AUTO_TEST_CASE(a_worker_that_offers_what_is_ignored_is_taken_and_named_in_the_log) {
  scripted_worker plain(system, scheduler, {"plain", {{"OSFamily", "linux"}}, 1, 1});
  BOOST_REQUIRE(plain.join());
  BOOST_TEST(system.log_lines().find("ignored") == std::string::npos);
  scripted_worker worker(system, scheduler, {"other", {{"container-image", "docker://one"}}, 1, 1});
  BOOST_REQUIRE(worker.join());
  auto told = system.log_lines();
  BOOST_TEST(told.find("scheduler.ignored_properties") != std::string::npos, told);
  BOOST_TEST(told.find("docker://one") != std::string::npos, told);
}

BOOST_AUTO_TEST_CASE(a_result_with_another_exit_code_is_told_and_not_kept) {
  scripted_worker worker(system, scheduler, {"w", {}, 1, 1});
  BOOST_REQUIRE(worker.join());
  auto who = listen();
  BOOST_REQUIRE(submit("a", who.handle));
  worker.finish(worker.starts()[0], {{}, bytes::of_static("the result"), 1, false});
  BOOST_REQUIRE_EQUAL(who.news->size(), 1);
  BOOST_TEST(who.news->back().outcome.result.view() == "the result");
  BOOST_TEST(record_of("a").error().code() == errc::not_found);
}

BOOST_AUTO_TEST_CASE(a_result_is_delivered_though_the_action_cache_is_gone) {
  scripted_worker worker(system, scheduler, {"w", {}, 1, 1});
  BOOST_REQUIRE(worker.join());
  auto who = listen();
  BOOST_REQUIRE(submit("a", who.handle));
  system.end(results);
  worker.finish(worker.starts()[0], {{}, bytes::of_static("the result"), 0, false});
  BOOST_REQUIRE_EQUAL(who.news->size(), 1);
  BOOST_TEST(who.news->back().outcome.status.ok());
}

BOOST_AUTO_TEST_CASE(a_result_is_delivered_though_the_action_cache_never_answers) {
  auto silent = system.own(system.actors().spawn([](store_actor::pointer self) -> store_actor::behavior_type {
    auto promises = std::make_shared<std::vector<caf::typed_response_promise<receipts>>>();
    return {[](const find_missing&) { return missing_blobs{}; },
            [](const read_blob&) { return blob_content{}; },
            [](const read_blobs&) { return blob_batch{}; },
            [](const write_blob&) { return receipt{}; },
            [=](const write_blobs&) {
              promises->push_back(self->make_response_promise<receipts>());
              return caf::result<receipts>(promises->back());
            },
            [](const lend_files&) { return lent_files{}; },
            [](const lease_blobs&) { return leased{}; },
            [](const forget_blob&) { return forgotten{}; },
            [](const measure_store&) { return store_stats{}; },
            [](const flush_store&) { return store_flushed{}; },
            [](const watch_store&) {}};
  }));
  scheduler = system.own(spawn_scheduler(system.actors(), system.env(), {}, silent));
  scripted_worker worker(system, scheduler, {"w", {}, 1, 1});
  BOOST_REQUIRE(worker.join());
  auto who = listen();
  BOOST_REQUIRE(submit("a", who.handle));
  worker.finish(worker.starts()[0], {{}, bytes::of_static("the result"), 0, false});
  BOOST_TEST(who.news->empty());
  pass(31s, {&worker});
  BOOST_TEST(who.news->size() == 1);
}

BOOST_AUTO_TEST_CASE(a_worker_that_dies_is_replaced_without_the_client_noticing) {
  scripted_worker first(system, scheduler, {"first", {}, 1, 1});
  BOOST_REQUIRE(first.join());
  auto who = listen();
  BOOST_REQUIRE(submit("a", who.handle));
  scripted_worker second(system, scheduler, {"second", {}, 1, 1});
  BOOST_REQUIRE(second.join());
  first.die();
  BOOST_REQUIRE_EQUAL(second.starts().size(), 1);
  BOOST_TEST(second.starts()[0].attempt == 2);
  second.finish(second.starts()[0], {{}, bytes::of_static("r"), 0, false});
  BOOST_REQUIRE_EQUAL(who.news->size(), 1);
  BOOST_TEST(who.news->back().outcome.status.ok());
}

BOOST_AUTO_TEST_CASE(a_worker_that_falls_silent_is_dismissed_within_ten_seconds) {
  scripted_worker hung(system, scheduler, {"hung", {}, 1, 1});
  scripted_worker live(system, scheduler, {"live", {}, 1, 1});
  BOOST_REQUIRE(hung.join());
  auto who = listen();
  BOOST_REQUIRE(submit("a", who.handle));
  BOOST_REQUIRE(live.join());
  pass(10s, {&live});
  BOOST_TEST(hung.dismissals().size() == 1);
  BOOST_TEST(live.starts().size() == 1);
}

BOOST_AUTO_TEST_CASE(a_worker_may_come_back_under_its_name_when_it_died) {
  scripted_worker first(system, scheduler, {"w", {}, 1, 1});
  scripted_worker second(system, scheduler, {"w", {}, 1, 2});
  BOOST_REQUIRE(first.join());
  auto refused = second.join();
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().code() == errc::already_exists);
  first.die();
  BOOST_TEST(second.join().has_value());
}

BOOST_AUTO_TEST_CASE(a_listener_that_dies_has_left) {
  scripted_worker worker(system, scheduler, {"w", {}, 1, 1});
  BOOST_REQUIRE(worker.join());
  auto who = listen();
  BOOST_REQUIRE(submit("a", who.handle));
  system.end(who.handle);
  pass(62s, {&worker});
  BOOST_TEST(worker.kills().size() == 1);
}

BOOST_AUTO_TEST_CASE(only_asking_for_an_operation_is_not_listening) {
  auto who = listen();
  auto state = submit("a", who.handle);
  BOOST_REQUIRE(state);
  caf::anon_send(scheduler, unwatch_operation{state->name, who.handle});
  BOOST_REQUIRE(look(state->name));
  system.pass(15s);
  BOOST_REQUIRE(look(state->name));
  system.pass(16s);
  BOOST_TEST(look(state->name)->now == stage::completed);
}

BOOST_AUTO_TEST_CASE(the_drain_ends_with_the_last_action) {
  scripted_worker worker(system, scheduler, {"w", {}, 1, 1});
  BOOST_REQUIRE(worker.join());
  auto who = listen();
  BOOST_REQUIRE(submit("a", who.handle));
  auto done = system.begin<scheduler_drained>(scheduler, drain_scheduler{});
  system.run();
  BOOST_TEST(!done->has_value());
  BOOST_TEST(worker.dismissals().size() == 1);
  worker.finish(worker.starts()[0], {{}, bytes::of_static("r"), 0, false});
  BOOST_TEST(done->has_value());
  BOOST_TEST(submit("late", who.handle).has_value());
  caf::anon_send(scheduler, close_scheduler{});
  BOOST_TEST(submit("later", who.handle).error().code() == errc::unavailable);
}

BOOST_AUTO_TEST_CASE(an_idle_scheduler_is_drained_at_once) {
  BOOST_TEST(system.ask<scheduler_drained>(scheduler, drain_scheduler{}).has_value());
}

BOOST_AUTO_TEST_CASE(figures_count_what_is_there) {
  scripted_worker worker(system, scheduler, {"w", {}, 2, 1});
  BOOST_REQUIRE(worker.join());
  auto who = listen();
  for (const auto* name : {"a", "b", "c"}) BOOST_REQUIRE(submit(name, who.handle));
  auto stats = system.ask<scheduler_stats>(scheduler, measure_scheduler{});
  BOOST_REQUIRE(stats);
  BOOST_TEST(stats->queued == 1);
  BOOST_TEST(stats->executing == 2);
  BOOST_TEST(stats->workers == 1);
  BOOST_TEST(stats->slots == 2);
}

BOOST_AUTO_TEST_CASE(what_happens_is_counted) {
  scripted_worker worker(system, scheduler, {"w", {}, 2, 1});
  BOOST_REQUIRE(worker.join());
  auto who = listen();
  BOOST_REQUIRE(submit("a", who.handle));
  worker.finish(worker.starts()[0], {error(errc::invalid_argument, "no"), {}, 0, false});
  system.pass(1s);
  auto& ended = system.metrics().counters("kiln_scheduler_actions_total", "", {"status"});
  BOOST_TEST(ended.with({"INVALID_ARGUMENT"}).value() == 1u);
  BOOST_TEST(system.metrics().gauges("kiln_scheduler_slots", "").with().value() == 2.0);
}

BOOST_AUTO_TEST_CASE(an_action_carries_the_time_it_came) {
  scripted_worker worker(system, scheduler, {"w", {}, 1, 1});
  BOOST_REQUIRE(worker.join());
  auto who = listen();
  BOOST_REQUIRE(submit("a", who.handle));
  BOOST_TEST((worker.starts().at(0).action.queued == system.env().time->wall()));
}

BOOST_AUTO_TEST_SUITE_END()
