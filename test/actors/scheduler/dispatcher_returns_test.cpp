#include "test/actors/scheduler/scheduler_fixture.hpp"

/// Workers whose connection breaks, and who come back to what they run.
using namespace kiln;
using kiln::test::dispatcher_fixture;
using namespace std::chrono_literals;

namespace dispatcher_returns {

struct returning_fixture : dispatcher_fixture {
  /// The worker is back, and says that it has these of what it was given.
  expected<worker_welcome> come_back(const std::string& name, const std::vector<started_order>& has,
                                     std::uint64_t epoch = 1) {
    worker_profile profile{name, {}, 1, epoch};
    for (const auto& one : has) profile.running.push_back({one.order.operation, one.order.attempt});
    auto welcome = dispatch.admit(profile, now);
    if (welcome) dispatch.ready(welcome->worker_id);
    return welcome;
  }
};

}  // namespace dispatcher_returns

BOOST_FIXTURE_TEST_SUITE(dispatcher_returns, returning_fixture)

BOOST_AUTO_TEST_CASE(a_worker_that_comes_back_goes_on_with_its_action) {
  auto w = admit("w");
  auto state = submit(action("a"));
  run(starts[0]);
  dispatch.cut(w, now);
  pass(7s);
  auto welcome = come_back("w", {starts[0]});
  BOOST_TEST_REQUIRE(welcome.has_value());
  BOOST_TEST(welcome->worker_id == w);
  BOOST_TEST((welcome->patience == 8s));
  BOOST_TEST(starts.size() == 1);
  BOOST_TEST(kills.empty());
  BOOST_TEST(state_of(state.name).now == stage::executing);
  finish(starts[0]);
  BOOST_TEST(recording.size() == 1);
  // The slot is free again, and once.
  submit(action("b"));
  submit(action("c"));
  BOOST_TEST(starts.size() == 2);
}

BOOST_AUTO_TEST_CASE(one_that_stays_away_loses_its_action_when_its_heartbeats_are_missed) {
  auto away = admit("away");
  submit(action("a"));
  auto other = admit("other");
  dispatch.cut(away, now);
  pass(7s, {other});
  BOOST_TEST(starts.size() == 1);
  pass(6s, {other});
  BOOST_TEST_REQUIRE(starts.size() == 2);
  BOOST_TEST(starts[1].worker_id == other);
  BOOST_TEST(starts[1].order.attempt == 2);
  auto late = come_back("away", {starts[0]});
  BOOST_TEST_REQUIRE(!late.has_value());
  BOOST_TEST((late.error().code() == errc::failed_precondition));
  BOOST_TEST(come_back("away", {}).has_value());
}

BOOST_AUTO_TEST_CASE(nothing_is_given_to_one_that_is_away) {
  auto w = admit("w", 2);
  submit(action("a"));
  dispatch.cut(w, now);
  submit(action("b"));
  BOOST_TEST(starts.size() == 1);
  BOOST_TEST_REQUIRE(come_back("w", {starts[0]}).has_value());
  BOOST_TEST(starts.size() == 2);
}

BOOST_AUTO_TEST_CASE(an_idle_worker_whose_connection_breaks_is_gone) {
  dispatch.cut(admit("w"), now);
  BOOST_TEST(dispatch.stats().workers == 0);
}

BOOST_AUTO_TEST_CASE(what_never_arrived_is_given_again_and_counts_as_no_failure) {
  auto w = admit("w");
  auto state = submit(action("a"));
  for (std::uint32_t i = 0; i <= options.max_retries; ++i) {
    dispatch.cut(w, now);
    BOOST_TEST_REQUIRE(come_back("w", {}).has_value());
  }
  BOOST_TEST_REQUIRE(starts.size() == options.max_retries + 2);
  BOOST_TEST(starts.back().order.attempt == 1);
  BOOST_TEST((starts.back().order.action.action == digest_of("a")));
  finish(starts.back());
  BOOST_TEST(recording.size() == 1);
}

BOOST_AUTO_TEST_CASE(an_order_to_kill_that_was_lost_is_given_again) {
  auto w = admit("w");
  auto state = submit(action("a"));
  dispatch.cut(w, now);
  BOOST_TEST_REQUIRE(dispatch.cancel(state.name, now).has_value());
  kills.clear();
  BOOST_TEST_REQUIRE(come_back("w", {starts[0]}).has_value());
  BOOST_TEST_REQUIRE(kills.size() == 1);
  BOOST_TEST(kills[0].second.operation == starts[0].order.operation);
  // Until it has ended there, the slot is taken.
  submit(action("b"));
  BOOST_TEST(starts.size() == 1);
  finish(starts[0], failed(errc::cancelled));
  BOOST_TEST(starts.size() == 2);
}

BOOST_AUTO_TEST_CASE(a_slot_whose_action_was_cancelled_before_it_arrived_is_free) {
  auto w = admit("w");
  auto state = submit(action("a"));
  dispatch.cut(w, now);
  BOOST_TEST_REQUIRE(dispatch.cancel(state.name, now).has_value());
  BOOST_TEST_REQUIRE(come_back("w", {}).has_value());
  submit(action("b"));
  BOOST_TEST(starts.size() == 2);
}

BOOST_AUTO_TEST_CASE(a_restarted_worker_does_not_wait_until_its_predecessor_is_given_up) {
  auto before = admit("w", 1, {}, 1);
  submit(action("a"));
  dispatch.cut(before, now);
  auto after = come_back("w", {}, 2);
  BOOST_TEST_REQUIRE(after.has_value());
  BOOST_TEST(after->worker_id != before);
  pass(4s, {after->worker_id});
  BOOST_TEST_REQUIRE(starts.size() == 2);
  BOOST_TEST(starts[1].order.attempt == 2);
}

BOOST_AUTO_TEST_CASE(who_comes_back_during_the_drain_ends_what_it_has) {
  auto w = admit("w");
  submit(action("a"));
  dispatch.drain();
  dispatch.cut(w, now);
  BOOST_TEST(!dispatch.drained());
  dismissed.clear();
  BOOST_TEST_REQUIRE(come_back("w", {starts[0]}).has_value());
  BOOST_TEST((dismissed == std::vector<std::string>{w}));
  finish(starts[0], {{}, bytes::of_static("r"), 1, false});
  BOOST_TEST(dispatch.drained());
}

BOOST_AUTO_TEST_CASE(one_that_was_leaving_leaves_when_it_is_back_and_done) {
  auto w = admit("w");
  submit(action("a"));
  dispatch.leaving(w, now);
  dispatch.cut(w, now);
  BOOST_TEST_REQUIRE(come_back("w", {starts[0]}).has_value());
  BOOST_TEST(forgotten.empty());
  finish(starts[0]);
  BOOST_TEST((forgotten == std::vector<std::string>{w}));
}

BOOST_AUTO_TEST_CASE(a_report_that_is_told_twice_counts_once) {
  auto w = admit("w");
  submit(action("a"));
  submit(action("b"));
  finish(starts[0]);
  BOOST_TEST_REQUIRE(starts.size() == 2);
  dispatch.cut(w, now);
  BOOST_TEST_REQUIRE(come_back("w", {starts[0], starts[1]}).has_value());
  kills.clear();
  finish(starts[0]);
  BOOST_TEST(recording.size() == 1);
  finish(starts[1]);
  BOOST_TEST(recording.size() == 2);
}

BOOST_AUTO_TEST_SUITE_END()
