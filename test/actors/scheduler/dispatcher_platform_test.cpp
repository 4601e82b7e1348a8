#include "test/actors/scheduler/scheduler_fixture.hpp"

/// Which worker may run what.
using namespace kiln;
using kiln::test::dispatcher_fixture;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(dispatcher_platform)

BOOST_FIXTURE_TEST_CASE(worker_should_not_queue_if_properties_dont_match, dispatcher_fixture) {
  admit("arm", 1, {{"ISA", "arm-a64"}});
  submit(action("a", {{"ISA", "x86-64"}}));
  BOOST_TEST(starts.empty());
  auto match = admit("intel", 1, {{"ISA", "x86-64"}, {"OSFamily", "linux"}});
  BOOST_REQUIRE_EQUAL(starts.size(), 1);
  BOOST_TEST(starts[0].worker_id == match);
}

BOOST_FIXTURE_TEST_CASE(a_worker_may_offer_several_values, dispatcher_fixture) {
  admit("w", 2, {{"image", "one"}, {"image", "two"}});
  submit(action("a", {{"image", "one"}}));
  submit(action("b", {{"image", "two"}}));
  BOOST_TEST(starts.size() == 2);
}

BOOST_FIXTURE_TEST_CASE(run_two_jobs_on_same_worker_with_platform_restrictions, dispatcher_fixture) {
  admit("w", 8, {{"cpu", "4"}});
  submit(action("a", {{"cpu", "3"}}));
  submit(action("b", {{"cpu", "3"}}));
  submit(action("c", {{"cpu", "1"}}));
  BOOST_REQUIRE_EQUAL(starts.size(), 2);
  BOOST_TEST((starts[1].order.action.action == digest_of("c")));
  finish(starts[0]);
  BOOST_REQUIRE_EQUAL(starts.size(), 3);
  BOOST_TEST((starts[2].order.action.action == digest_of("b")));
}

BOOST_FIXTURE_TEST_CASE(counted_properties_come_back_exactly_once, dispatcher_fixture) {
  admit("w", 8, {{"memory", "10"}});
  submit(action("a", {{"memory", "10"}}));
  finish(starts[0]);
  finish(starts[0]);
  submit(action("b", {{"memory", "10"}}));
  submit(action("c", {{"memory", "10"}}));
  BOOST_TEST(starts.size() == 2);
}

BOOST_AUTO_TEST_CASE(ignored_properties_keep_nobody_away) {
  scheduler_options options;
  options.ignored_properties = {"cache-silo-key"};
  dispatcher_fixture fixture(options);
  fixture.admit("w");
  fixture.submit(dispatcher_fixture::action("a", {{"cache-silo-key", "x"}}));
  BOOST_TEST(fixture.starts.size() == 1);
}

BOOST_FIXTURE_TEST_CASE(an_amount_that_is_no_number_is_the_clients_fault, dispatcher_fixture) {
  auto refused = dispatch.submit({action("a", {{"cpu", "lots"}}), 0, false, {}}, 1, now);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().code() == errc::invalid_argument);
}

BOOST_FIXTURE_TEST_CASE(an_action_that_nobody_could_take_fails_and_names_the_property, dispatcher_fixture) {
  auto w = admit("w", 1, {{"ISA", "arm-a64"}});
  auto state = submit(action("a", {{"ISA", "x86-64"}}));
  pass(59s, {w});
  BOOST_TEST(state_of(state.name).now == stage::queued);
  pass(3s, {w});
  auto status = state_of(state.name).outcome.status;
  BOOST_TEST(status.code() == errc::failed_precondition);
  BOOST_TEST(status.message() == "no worker offers platform property ISA=\"x86-64\"; offered: \"arm-a64\"");
}

BOOST_FIXTURE_TEST_CASE(who_waits_for_what_nobody_offers_is_told_so_long_before_it_fails,
                        dispatcher_fixture) {
  auto w = admit("w", 1, {{"ISA", "arm-a64"}});
  auto state = submit(action("a", {{"ISA", "x86-64"}}));
  pass(4s, {w});
  BOOST_TEST(news.empty());
  BOOST_TEST(state_of(state.name).remark.empty());
  pass(2s, {w});
  const std::string sentence = "no worker offers platform property ISA=\"x86-64\"; offered: \"arm-a64\"";
  BOOST_TEST((complaints == std::vector{sentence}));
  BOOST_REQUIRE_EQUAL(news.size(), 1u);
  BOOST_TEST(news[0].state.now == stage::queued);
  BOOST_TEST(news[0].state.remark == sentence);
  // Once is enough, and the next one hears it at once.
  pass(20s, {w});
  BOOST_TEST(complaints.size() == 1u);
  BOOST_TEST(submit(action("b", {{"ISA", "x86-64"}}), 2).remark == sentence);
  admit("intel", 1, {{"ISA", "x86-64"}});
  BOOST_TEST(state_of(state.name).remark.empty());
}

BOOST_AUTO_TEST_CASE(what_is_declared_not_to_exist_is_refused_at_once) {
  scheduler_options options;
  options.platforms = {{"ISA", {"arm-a64", "x86-64"}}, {"cpu", {"8", "64"}}};
  dispatcher_fixture fixture(options);
  auto refusal = [&](platform_properties asked) {
    auto state = fixture.dispatch.submit({dispatcher_fixture::action("a", std::move(asked)), 0, false, {}}, 1,
                                         fixture.now);
    BOOST_REQUIRE(!state);
    BOOST_TEST(state.error().code() == errc::failed_precondition);
    return state.error().message();
  };
  BOOST_TEST(refusal({{"ISA", "riscv"}}) ==
             "no worker here offers platform property ISA=\"riscv\"; declared in scheduler.platforms: "
             "\"arm-a64\", \"x86-64\"");
  BOOST_TEST(refusal({{"image", "one"}}) ==
             "no worker here offers platform property image=\"one\"; declared in scheduler.platforms: none");
  BOOST_TEST(
      refusal({{"cpu", "65"}}) ==
      "no worker here has 65 of platform property cpu; the largest declared in scheduler.platforms is 64");
  // What exists is waited for, whether or not a worker has it today.
  BOOST_TEST(fixture.submit(dispatcher_fixture::action("a", {{"ISA", "x86-64"}, {"cpu", "64"}})).now ==
             stage::queued);
}

BOOST_FIXTURE_TEST_CASE(a_worker_is_not_given_what_runs_longer_than_it_allows, dispatcher_fixture) {
  auto welcome = dispatch.admit({"short", {}, 2, 1, 1h}, now);
  BOOST_REQUIRE(welcome);
  dispatch.ready(welcome->worker_id);
  auto spec = action("a");
  spec.timeout = 2h;
  auto state = submit(spec);
  BOOST_TEST(starts.empty());
  spec.action = digest_of("b");
  spec.timeout = 1h;
  submit(spec);
  BOOST_TEST(starts.size() == 1u);
  pass(62s, {welcome->worker_id});
  auto status = state_of(state.name).outcome.status;
  BOOST_TEST(status.code() == errc::failed_precondition);
  BOOST_TEST(status.message() ==
             "the action's timeout is 2h, and no worker allows more than 1h (worker.max_timeout)");
}

BOOST_FIXTURE_TEST_CASE(too_large_a_count_is_named_with_what_there_is, dispatcher_fixture) {
  auto w = admit("w", 1, {{"cpu", "8"}});
  auto state = submit(action("a", {{"cpu", "64"}}));
  pass(62s, {w});
  BOOST_TEST(state_of(state.name).outcome.status.message() ==
             "no worker has 64 of platform property cpu; the largest has 8");
}

BOOST_FIXTURE_TEST_CASE(without_any_worker_an_action_waits_and_then_is_unavailable, dispatcher_fixture) {
  auto state = submit(action("a"));
  pass(59s);
  BOOST_TEST(state_of(state.name).now == stage::queued);
  pass(3s);
  auto status = state_of(state.name).outcome.status;
  BOOST_TEST(status.code() == errc::unavailable);
  BOOST_REQUIRE_EQUAL(status.details().size(), 1);
  BOOST_TEST(status.details()[0].type_url.ends_with("google.rpc.RetryInfo"));
}

BOOST_FIXTURE_TEST_CASE(an_action_waits_as_long_as_it_takes_for_a_busy_worker, dispatcher_fixture) {
  auto w = admit("w");
  submit(action("a"));
  auto state = submit(action("b"));
  pass(10min, {w});
  BOOST_TEST(state_of(state.name).now == stage::queued);
}

BOOST_FIXTURE_TEST_CASE(the_wait_starts_anew_when_the_last_able_worker_is_lost, dispatcher_fixture) {
  auto w = admit("w");
  submit(action("a"));
  auto state = submit(action("b"));
  pass(10min, {w});
  dispatch.lost(w, "it is gone", now);
  pass(50s);
  BOOST_TEST(state_of(state.name).now == stage::queued);
  pass(12s);
  BOOST_TEST(state_of(state.name).outcome.status.code() == errc::unavailable);
}

BOOST_FIXTURE_TEST_CASE(many_queued_actions_of_one_kind_do_not_keep_another_kind_waiting,
                        dispatcher_fixture) {
  for (int i = 0; i < 10'000; ++i) submit(action("gpu" + std::to_string(i), {{"gpu", "yes"}}));
  submit(action("plain"), 1, 100);
  admit("w");
  BOOST_REQUIRE_EQUAL(starts.size(), 1);
  BOOST_TEST((starts[0].order.action.action == digest_of("plain")));
}

BOOST_FIXTURE_TEST_CASE(small_actions_pass_over_a_large_one_but_not_for_ever, dispatcher_fixture) {
  auto w = admit("w", 8, {{"cpu", "4"}});
  auto small = [&, n = 0]() mutable { submit(action("s" + std::to_string(n++), {{"cpu", "2"}})); };
  auto count_started = [&] { return starts.size(); };
  small();
  small();
  submit(action("large", {{"cpu", "4"}}));
  for (int i = 0; i < 4; ++i) small();
  // At first the machine is kept busy ...
  finish(starts[0]);
  BOOST_TEST(count_started() == 3u);
  pass(31s, {w});
  // ... then it is kept free, slot by slot.
  finish(starts[1]);
  BOOST_TEST(count_started() == 3u);
  small();
  BOOST_TEST(count_started() == 3u);
  finish(starts[2]);
  BOOST_REQUIRE_EQUAL(count_started(), 4u);
  BOOST_TEST((starts[3].order.action.action == digest_of("large")));
  finish(starts[3]);
  BOOST_TEST(count_started() == 6u);
}

BOOST_FIXTURE_TEST_CASE(a_worker_kept_for_an_action_works_again_when_that_is_cancelled, dispatcher_fixture) {
  auto w = admit("w", 8, {{"cpu", "4"}});
  submit(action("a", {{"cpu", "2"}}));
  submit(action("b", {{"cpu", "2"}}));
  auto large = submit(action("large", {{"cpu", "4"}}));
  submit(action("c", {{"cpu", "2"}}));
  pass(31s, {w});
  finish(starts[0]);
  BOOST_TEST(starts.size() == 2u);
  dispatch.cancel(large.name, now);
  BOOST_TEST(starts.size() == 3u);
}

BOOST_FIXTURE_TEST_CASE(an_action_a_worker_was_kept_for_survives_that_worker, dispatcher_fixture) {
  auto w = admit("w", 8, {{"cpu", "4"}});
  submit(action("a", {{"cpu", "2"}}));
  submit(action("b", {{"cpu", "2"}}));
  submit(action("large", {{"cpu", "4"}}));
  pass(31s, {w});
  finish(starts[0]);
  dispatch.lost(w, "it is gone", now);
  auto other = admit("other", 8, {{"cpu", "4"}});
  finish(starts.back());
  BOOST_TEST((starts.back().order.action.action == digest_of("large")));
  BOOST_TEST(starts.back().worker_id == other);
}

BOOST_AUTO_TEST_SUITE_END()
