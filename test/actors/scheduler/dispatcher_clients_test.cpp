#include "test/actors/scheduler/scheduler_fixture.hpp"

/// Clients that come, go, come back and cancel.
using namespace kiln;
using kiln::test::dispatcher_fixture;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(dispatcher_clients)

BOOST_FIXTURE_TEST_CASE(client_reconnect_keeps_action_alive, dispatcher_fixture) {
  auto w = admit("w");
  auto state = submit(action("a"), 1);
  dispatch.unwatch(state.name, 1, false, now);
  pass(20s, {w});
  BOOST_REQUIRE(dispatch.watch(state.name, 2).has_value());
  pass(5min, {w});
  BOOST_TEST(kills.empty());
  BOOST_TEST(state_of(state.name).now == stage::queued);
}

BOOST_FIXTURE_TEST_CASE(an_action_that_nobody_waits_for_is_cancelled_after_a_while, dispatcher_fixture) {
  auto w = admit("w");
  auto state = submit(action("a"), 1);
  dispatch.unwatch(state.name, 1, false, now);
  pass(29s, {w});
  BOOST_TEST(kills.empty());
  pass(3s, {w});
  BOOST_REQUIRE_EQUAL(kills.size(), 1);
  BOOST_TEST(kills[0].first == w);
  BOOST_TEST(state_of(state.name).outcome.status.code() == errc::cancelled);
}

BOOST_FIXTURE_TEST_CASE(client_timesout_job_then_same_action_requested, dispatcher_fixture) {
  auto w = admit("w", 2);
  auto first = submit(action("a"), 1);
  dispatch.unwatch(first.name, 1, false, now);
  pass(32s, {w});
  auto second = submit(action("a"), 2);
  BOOST_TEST(first.name != second.name);
  BOOST_REQUIRE_EQUAL(starts.size(), 2);
  finish(starts[0], dispatcher_fixture::failed(errc::cancelled));
  finish(starts[1]);
  BOOST_REQUIRE_EQUAL(recording.size(), 1);
  BOOST_TEST(recording[0].first == second.name);
}

BOOST_FIXTURE_TEST_CASE(late_client_drop_does_not_orphan_replacement_operation, dispatcher_fixture) {
  auto w = admit("w");
  auto state = submit(action("a"), 1);
  // The connection broke, and the client came back before that was noticed.
  BOOST_REQUIRE(dispatch.watch(state.name, 1).has_value());
  dispatch.unwatch(state.name, 1, false, now);
  pass(5min, {w});
  BOOST_TEST(kills.empty());
  BOOST_TEST(state_of(state.name).now == stage::queued);
}

BOOST_FIXTURE_TEST_CASE(one_merged_client_leaving_does_not_cancel_the_others, dispatcher_fixture) {
  auto w = admit("w");
  auto state = submit(action("a"), 1);
  submit(action("a"), 2);
  dispatch.unwatch(state.name, 1, false, now);
  pass(5min, {w});
  BOOST_TEST(kills.empty());
  // The one that left was not forgotten by chance: its own operation is over.
  BOOST_TEST(state_of(state.name).outcome.status.code() == errc::cancelled);
  finish(starts[0]);
  dispatch.recorded(recording[0].first, recording[0].second, now);
  BOOST_REQUIRE_EQUAL(news.size(), 1);
  BOOST_TEST(news[0].who == 2);
}

BOOST_FIXTURE_TEST_CASE(a_listener_that_listens_twice_hears_once, dispatcher_fixture) {
  admit("w");
  auto state = submit(action("a"), 1);
  BOOST_REQUIRE(dispatch.watch(state.name, 1).has_value());
  run(starts[0]);
  BOOST_TEST(news.size() == 1);
}

BOOST_FIXTURE_TEST_CASE(a_merged_operation_that_is_cancelled_ends_for_that_client_alone, dispatcher_fixture) {
  auto w = admit("w");
  auto first = submit(action("a"), 1);
  auto second = submit(action("a"), 2);
  BOOST_TEST(starts.size() == 1u);
  BOOST_TEST(first.name != second.name);
  auto cancelled = dispatch.cancel(first.name, now);
  BOOST_REQUIRE(cancelled);
  BOOST_TEST(cancelled->outcome.status.code() == errc::cancelled);
  BOOST_TEST(kills.empty());
  BOOST_REQUIRE_EQUAL(news.size(), 1u);
  BOOST_TEST(news[0].who == 1u);
  BOOST_TEST(news[0].state.name == first.name);
  BOOST_TEST(news[0].state.now == stage::completed);
  // The first was the one that began it, and still the second gets its result.
  finish(starts[0], {{}, bytes::of_static("r"), 1, false});
  BOOST_REQUIRE_EQUAL(news.size(), 2u);
  BOOST_TEST(news[1].who == 2u);
  BOOST_TEST(news[1].state.outcome.result.view() == "r");
  BOOST_TEST(state_of(first.name).outcome.status.code() == errc::cancelled);
}

BOOST_FIXTURE_TEST_CASE(an_action_stops_when_the_last_merged_client_has_cancelled, dispatcher_fixture) {
  admit("w");
  auto first = submit(action("a"), 1);
  auto second = submit(action("a"), 2);
  dispatch.cancel(first.name, now);
  BOOST_TEST(kills.empty());
  dispatch.cancel(second.name, now);
  BOOST_TEST(kills.size() == 1u);
  BOOST_TEST(dispatch.stats().executing == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_client_that_cancels_its_call_is_not_waited_for, dispatcher_fixture) {
  admit("w");
  auto state = submit(action("a"), 1);
  dispatch.unwatch(state.name, 1, true, now);
  BOOST_TEST(kills.size() == 1u);
  BOOST_TEST(dispatch.stats().executing == 0u);
  BOOST_TEST(dispatch.watch(state.name, 2).error().code() == errc::not_found);
}

BOOST_FIXTURE_TEST_CASE(one_that_cancels_its_call_leaves_those_that_lost_their_connection,
                        dispatcher_fixture) {
  auto w = admit("w");
  auto lost = submit(action("a"), 1);
  auto given_up = submit(action("a"), 2);
  dispatch.unwatch(lost.name, 1, false, now);
  dispatch.unwatch(given_up.name, 2, true, now);
  BOOST_TEST(kills.empty());
  pass(20s, {w});
  BOOST_REQUIRE(dispatch.watch(lost.name, 3).has_value());
  pass(5min, {w});
  BOOST_TEST(kills.empty());
  BOOST_TEST(state_of(lost.name).now == stage::queued);
}

// A call of the same client may have taken over from one that is cancelled later.
BOOST_FIXTURE_TEST_CASE(cancelling_one_of_two_calls_for_an_operation_ends_nothing, dispatcher_fixture) {
  admit("w");
  auto state = submit(action("a"), 1);
  BOOST_REQUIRE(dispatch.watch(state.name, 1).has_value());
  dispatch.unwatch(state.name, 1, true, now);
  BOOST_TEST(kills.empty());
  dispatch.unwatch(state.name, 1, true, now);
  BOOST_TEST(kills.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_listener_that_is_gone_has_left_everything, dispatcher_fixture) {
  auto w = admit("w", 2);
  submit(action("a"), 1);
  submit(action("a"), 1);
  submit(action("b"), 1);
  dispatch.listener_gone(1, now);
  pass(62s, {w});
  BOOST_TEST(kills.size() == 2);
}

BOOST_FIXTURE_TEST_CASE(a_waiting_action_that_is_cancelled_never_starts, dispatcher_fixture) {
  auto state = submit(action("a"));
  auto cancelled = dispatch.cancel(state.name, now);
  BOOST_REQUIRE(cancelled);
  BOOST_TEST(cancelled->now == stage::completed);
  BOOST_TEST(cancelled->outcome.status.code() == errc::cancelled);
  admit("w");
  BOOST_TEST(starts.empty());
  BOOST_TEST(kills.empty());
  BOOST_REQUIRE_EQUAL(news.size(), 1);
  BOOST_TEST(news[0].state.now == stage::completed);
}

BOOST_FIXTURE_TEST_CASE(cancelling_what_has_ended_tells_how_it_ended, dispatcher_fixture) {
  admit("w");
  auto state = submit(action("a"));
  finish(starts[0], {{}, bytes::of_static("r"), 3, false});
  auto cancelled = dispatch.cancel(state.name, now);
  BOOST_REQUIRE(cancelled);
  BOOST_TEST(cancelled->outcome.exit_code == 3);
  BOOST_TEST(dispatch.cancel("main/operations/none", now).error().code() == errc::not_found);
}

BOOST_FIXTURE_TEST_CASE(revoked_operation_is_killed_once_and_its_report_frees_the_slot, dispatcher_fixture) {
  auto w = admit("w");
  auto state = submit(action("a"));
  submit(action("b"));
  run(starts[0]);
  dispatch.cancel(state.name, now);
  dispatch.cancel(state.name, now);
  BOOST_TEST(kills.size() == 1);
  // The machine is busy until the worker says otherwise.
  BOOST_TEST(starts.size() == 1);
  run(starts[0]);
  BOOST_TEST(kills.size() == 1);
  finish(starts[0], dispatcher_fixture::failed(errc::cancelled));
  BOOST_TEST(starts.size() == 2);
  // Only once: the second report must not free the slot of b.
  finish(starts[0], dispatcher_fixture::failed(errc::cancelled));
  submit(action("c"));
  BOOST_TEST(starts.size() == 2);
}

BOOST_FIXTURE_TEST_CASE(live_worker_that_never_acknowledges_a_kill_is_evicted, dispatcher_fixture) {
  auto deaf = admit("deaf", 2);
  auto cancelled = submit(action("a"));
  submit(action("b"));
  dispatch.cancel(cancelled.name, now);
  pass(29s, {deaf});
  BOOST_TEST(dismissed.empty());
  auto other = admit("other");
  pass(3s, {deaf, other});
  BOOST_TEST((dismissed == std::vector<std::string>{deaf}));
  // What else it was doing is done by another.
  BOOST_REQUIRE_EQUAL(starts.size(), 3);
  BOOST_TEST(starts[2].worker_id == other);
  BOOST_TEST((starts[2].order.action.action == digest_of("b")));
}

BOOST_FIXTURE_TEST_CASE(a_result_that_comes_after_the_cancellation_changes_nothing, dispatcher_fixture) {
  admit("w");
  auto state = submit(action("a"));
  dispatch.cancel(state.name, now);
  finish(starts[0]);
  BOOST_TEST(recording.empty());
  BOOST_TEST(state_of(state.name).outcome.status.code() == errc::cancelled);
}

BOOST_FIXTURE_TEST_CASE(cancelling_while_the_result_is_recorded_ends_it_once, dispatcher_fixture) {
  admit("w");
  auto state = submit(action("a"));
  finish(starts[0]);
  dispatch.cancel(state.name, now);
  dispatch.recorded(recording[0].first, recording[0].second, now);
  BOOST_TEST(news.size() == 1);
  BOOST_TEST(dispatch.stats().executing == 0);
}

BOOST_AUTO_TEST_SUITE_END()
