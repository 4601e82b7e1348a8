#include "test/actors/scheduler/scheduler_fixture.hpp"

using namespace kiln;
using kiln::test::dispatcher_fixture;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(dispatcher)

BOOST_FIXTURE_TEST_CASE(an_action_goes_through_all_stages, dispatcher_fixture) {
  admit("w");
  auto state = submit(action("a"));
  BOOST_TEST(state.name.starts_with("main/operations/"));
  BOOST_TEST(state.now == stage::queued);
  BOOST_REQUIRE_EQUAL(starts.size(), 1);
  BOOST_TEST(starts[0].order.attempt == 1);
  run(starts[0]);
  BOOST_TEST(state_of(state.name).now == stage::executing);
  finish(starts[0]);
  BOOST_REQUIRE_EQUAL(recording.size(), 1);
  BOOST_TEST(state_of(state.name).now == stage::executing);
  dispatch.recorded(recording[0].first, recording[0].second, now);
  BOOST_TEST(state_of(state.name).now == stage::completed);
  BOOST_TEST(state_of(state.name).outcome.result.view() == "result");
  BOOST_REQUIRE_EQUAL(news.size(), 2);
  BOOST_TEST(news[0].state.now == stage::executing);
  BOOST_TEST(news[1].state.now == stage::completed);
}

BOOST_FIXTURE_TEST_CASE(nobody_hears_of_the_end_before_the_result_is_recorded, dispatcher_fixture) {
  admit("w");
  submit(action("a"));
  finish(starts[0]);
  BOOST_TEST(news.empty());
  dispatch.recorded(recording[0].first, recording[0].second, now);
  BOOST_TEST(news.size() == 1);
}

BOOST_FIXTURE_TEST_CASE(what_failed_or_must_not_be_cached_is_not_recorded, dispatcher_fixture) {
  admit("w", 3);
  auto secret = action("secret");
  secret.do_not_cache = true;
  submit(action("exits with 1"));
  submit(action("takes too long"));
  submit(secret);
  BOOST_REQUIRE_EQUAL(starts.size(), 3);
  finish(starts[0], {{}, bytes::of_static("r"), 1, false});
  finish(starts[1], failed(errc::deadline_exceeded));
  finish(starts[2]);
  BOOST_TEST(recording.empty());
  BOOST_REQUIRE_EQUAL(news.size(), 3);
  BOOST_TEST(news[0].state.outcome.exit_code == 1);
  BOOST_TEST(news[1].state.outcome.status.code() == errc::deadline_exceeded);
}

BOOST_FIXTURE_TEST_CASE(cacheable_items_join_same_action_queued, dispatcher_fixture) {
  auto first = submit(action("a"), 1);
  auto second = submit(action("a"), 2);
  BOOST_TEST(first.name != second.name);
  BOOST_TEST(dispatch.stats().queued == 1);
}

BOOST_FIXTURE_TEST_CASE(find_executing_action, dispatcher_fixture) {
  admit("w", 2);
  auto first = submit(action("a"), 1);
  run(starts[0]);
  auto second = submit(action("a"), 2);
  BOOST_TEST(second.now == stage::executing);
  BOOST_TEST(starts.size() == 1);
}

BOOST_FIXTURE_TEST_CASE(actions_of_different_instances_are_not_merged, dispatcher_fixture) {
  auto other = action("a");
  other.instance = "other";
  BOOST_TEST(submit(action("a")).name != submit(other).name);
  BOOST_TEST(dispatch.stats().queued == 2);
}

BOOST_FIXTURE_TEST_CASE(what_must_not_be_cached_is_not_merged, dispatcher_fixture) {
  auto secret = action("a");
  secret.do_not_cache = true;
  submit(secret);
  submit(secret);
  submit(action("a"));
  BOOST_TEST(dispatch.stats().queued == 3);
}

BOOST_FIXTURE_TEST_CASE(a_fresh_request_joins_what_has_not_begun, dispatcher_fixture) {
  auto first = submit(action("a"), 1);
  auto fresh = submit(action("a"), 2, 0, true);
  BOOST_TEST(dispatch.stats().queued == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_fresh_request_never_joins_what_began_earlier, dispatcher_fixture) {
  admit("w", 2);
  auto first = submit(action("a"), 1);
  auto fresh = submit(action("a"), 2, 0, true);
  BOOST_TEST(starts.size() == 2);
  // Later ones join the newer, also when the older ends first.
  finish(starts[0]);
  dispatch.recorded(recording[0].first, recording[0].second, now);
  submit(action("a"), 3);
  BOOST_TEST(starts.size() == 2);
  finish(starts[1], {{}, bytes::of_static("newer"), 1, false});
  BOOST_TEST(news.back().who == 3u);
  BOOST_TEST(news.back().state.outcome.result.view() == "newer");
}

BOOST_FIXTURE_TEST_CASE(an_action_that_ended_is_not_joined, dispatcher_fixture) {
  admit("w");
  submit(action("a"));
  finish(starts[0]);
  dispatch.recorded(recording[0].first, recording[0].second, now);
  submit(action("a"));
  BOOST_TEST(starts.size() == 2u);
}

BOOST_FIXTURE_TEST_CASE(run_jobs_in_the_order_they_were_queued, dispatcher_fixture) {
  for (const auto* name : {"a", "b", "c"}) submit(action(name));
  admit("w");
  finish(starts[0]);
  finish(starts[1]);
  BOOST_REQUIRE_EQUAL(starts.size(), 3);
  BOOST_TEST((starts[0].order.action.action == digest_of("a")));
  BOOST_TEST((starts[1].order.action.action == digest_of("b")));
  BOOST_TEST((starts[2].order.action.action == digest_of("c")));
}

BOOST_FIXTURE_TEST_CASE(the_more_urgent_runs_first, dispatcher_fixture) {
  submit(action("later"), 1, 5);
  submit(action("sooner"), 1, -5);
  admit("w");
  BOOST_TEST((starts[0].order.action.action == digest_of("sooner")));
}

BOOST_FIXTURE_TEST_CASE(joining_with_more_urgency_hastens_the_action, dispatcher_fixture) {
  submit(action("first"), 1, 1);
  submit(action("second"), 1, 2);
  submit(action("second"), 1, 0);
  admit("w");
  BOOST_TEST((starts[0].order.action.action == digest_of("second")));
}

BOOST_FIXTURE_TEST_CASE(actions_spread_over_workers, dispatcher_fixture) {
  auto small = admit("small", 2);
  auto large = admit("large", 4);
  for (const auto* name : {"a", "b", "c", "d", "e", "f"}) submit(action(name));
  std::map<std::string, int> given;
  for (const auto& each : starts) ++given[each.worker_id];
  BOOST_TEST(given[small] == 2);
  BOOST_TEST(given[large] == 4);
  BOOST_TEST(starts[0].worker_id != starts[1].worker_id);
}

BOOST_FIXTURE_TEST_CASE(more_actions_than_the_bound_are_refused_with_a_hint_to_retry, dispatcher_fixture) {
  options.max_queued = 2;
  submit(action("a"));
  submit(action("b"));
  auto refused = dispatch.submit({action("c"), 0, false, {}}, 1, now);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().code() == errc::resource_exhausted);
  BOOST_REQUIRE_EQUAL(refused.error().details().size(), 1);
  BOOST_TEST(refused.error().details()[0].type_url.ends_with("google.rpc.RetryInfo"));
  // One that joins takes no room.
  BOOST_TEST(dispatch.submit({action("a"), 0, false, {}}, 2, now).has_value());
}

BOOST_FIXTURE_TEST_CASE(a_finished_operation_can_be_asked_for_until_it_is_forgotten, dispatcher_fixture) {
  auto w = admit("w");
  auto state = submit(action("a"));
  finish(starts[0], {{}, bytes::of_static("r"), 1, false});
  pass(4min, {w});
  BOOST_TEST(state_of(state.name).now == stage::completed);
  pass(2min, {w});
  auto gone = dispatch.watch(state.name, std::nullopt);
  BOOST_REQUIRE(!gone);
  BOOST_TEST(gone.error().code() == errc::not_found);
}

BOOST_FIXTURE_TEST_CASE(no_more_finished_operations_are_kept_than_the_bound, dispatcher_fixture) {
  options.max_retained = 1;
  auto w = admit("w", 2);
  auto first = submit(action("a"));
  auto second = submit(action("b"));
  finish(starts[0], {{}, {}, 1, false});
  finish(starts[1], {{}, {}, 1, false});
  pass(1s, {w});
  BOOST_TEST(!dispatch.watch(first.name, std::nullopt).has_value());
  BOOST_TEST(dispatch.watch(second.name, std::nullopt).has_value());
}

BOOST_FIXTURE_TEST_CASE(no_more_bytes_of_results_are_kept_than_the_bound, dispatcher_fixture) {
  options.max_retained_bytes = byte_size{2000};
  auto w = admit("w", 3);
  std::vector<operation_state> all;
  for (const auto* name : {"a", "b", "c"}) all.push_back(submit(action(name)));
  // One that two clients asked for is kept once.
  auto merged = submit(action("c"), 2);
  for (auto each : std::vector(starts)) finish(each, {{}, bytes::copy_of(std::string(900, 'r')), 1, false});
  pass(1s, {w});
  BOOST_TEST(!dispatch.watch(all[0].name, std::nullopt).has_value());
  for (const auto& name : {all[1].name, all[2].name, merged.name})
    BOOST_TEST(dispatch.watch(name, std::nullopt).has_value());
}

BOOST_FIXTURE_TEST_CASE(operations_are_listed_page_by_page, dispatcher_fixture) {
  for (const auto* name : {"a", "b", "c"}) submit(action(name));
  auto page = dispatch.list("", 2);
  BOOST_REQUIRE_EQUAL(page.size(), 2);
  auto rest = dispatch.list(page.back().name, 2);
  BOOST_REQUIRE_EQUAL(rest.size(), 1);
  BOOST_TEST(rest[0].name > page[1].name);
}

BOOST_FIXTURE_TEST_CASE(draining_lets_what_runs_end_and_the_rest_wait, dispatcher_fixture) {
  auto w = admit("w");
  auto running = submit(action("runs"));
  auto waiting = submit(action("waits"));
  dispatch.drain();
  BOOST_TEST(!dispatch.drained());
  auto late = submit(action("late"));
  finish(starts[0]);
  BOOST_TEST(!dispatch.drained());
  dispatch.recorded(recording[0].first, recording[0].second, now);
  BOOST_TEST(dispatch.drained());
  BOOST_TEST(state_of(running.name).outcome.status.ok());
  BOOST_TEST(starts.size() == 1);
  BOOST_TEST((dismissed == std::vector<std::string>{w}));
  for (const auto& each : {waiting, late}) BOOST_TEST(state_of(each.name).now == stage::queued);
}

BOOST_FIXTURE_TEST_CASE(an_action_whose_worker_is_lost_in_the_drain_waits_with_the_others,
                        dispatcher_fixture) {
  auto w = admit("w");
  auto running = submit(action("runs"));
  dispatch.drain();
  dispatch.lost(w, "gone", now);
  BOOST_TEST(dispatch.drained());
  BOOST_TEST(state_of(running.name).now == stage::queued);
}

BOOST_FIXTURE_TEST_CASE(closing_answers_what_waits_and_what_comes_and_lets_the_rest_end, dispatcher_fixture) {
  admit("w");
  auto running = submit(action("runs"));
  auto waiting = submit(action("waits"));
  dispatch.close(now);
  BOOST_TEST(!dispatch.drained());
  BOOST_TEST(state_of(waiting.name).outcome.status.code() == errc::unavailable);
  BOOST_TEST(!dispatch.submit({action("late"), 0, false, {}}, 1, now).has_value());
  finish(starts[0]);
  dispatch.recorded(recording[0].first, recording[0].second, now);
  BOOST_TEST(dispatch.drained());
  BOOST_TEST(state_of(running.name).outcome.status.ok());
}

BOOST_AUTO_TEST_SUITE_END()
