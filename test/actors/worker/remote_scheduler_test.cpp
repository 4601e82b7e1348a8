#include "test/actors/worker/remote_scheduler_bench.hpp"

namespace kiln::test {
BOOST_AUTO_TEST_SUITE(remote_masters)

using bench = remote_scheduler_bench;

BOOST_FIXTURE_TEST_CASE(a_worker_that_goes_before_it_is_taken_does_not_wait, bench) {
  auto answer = join();
  BOOST_TEST(!answer->has_value());
  tell(worker_leaving{});
  BOOST_TEST_REQUIRE(answer->has_value());
  BOOST_TEST((*answer)->error().code() == errc::cancelled);
  BOOST_TEST(call().cancelled);
}

BOOST_FIXTURE_TEST_CASE(a_session_begins_with_a_hello_and_a_welcome, bench) {
  auto answer = join();
  BOOST_REQUIRE(call().heard.size() == 1U);
  const auto& hello = std::get<worker_profile>(call().heard[0]);
  BOOST_TEST(hello.name == "here");
  BOOST_TEST(hello.slots == 4U);
  BOOST_TEST(hello.epoch == 99U);
  BOOST_TEST(!answer->has_value());
  call().say(worker_welcome{"here/1", 2s});
  system.run();
  BOOST_TEST((*answer)->value().worker_id == "here/1");
  BOOST_TEST(((*answer)->value().heartbeat_interval == 2s));
}

BOOST_FIXTURE_TEST_CASE(a_refusal_is_the_answer, bench) {
  auto answer = join();
  call().say(fail(errc::already_exists, "a live worker is called here already"));
  system.run();
  BOOST_TEST((*answer)->error().code() == errc::already_exists);
  BOOST_TEST(dismissals.empty());
}

BOOST_FIXTURE_TEST_CASE(a_scheduler_that_gives_no_welcome_is_not_waited_for, bench) {
  auto answer = join();
  system.pass(21s);
  BOOST_REQUIRE(answer->has_value());
  BOOST_TEST((*answer)->error().code() == errc::deadline_exceeded);
  BOOST_TEST(call().cancelled);
}

BOOST_FIXTURE_TEST_CASE(orders_come_through_and_news_go_out, bench) {
  register_well();
  start_action order{"operation", 3, {}};
  order.action.action = digest_of("action");
  order.action.command_digest = digest_of("command");
  order.action.input_root = digest_of("root");
  call().say(order);
  call().say(kill_action{"operation", 3, "why not"});
  call().say(dismiss_worker{"later", false});
  system.run();
  BOOST_REQUIRE(starts.size() == 1U);
  BOOST_TEST((starts[0].action.input_root == digest_of("root")));
  BOOST_REQUIRE(kills.size() == 1U);
  BOOST_TEST(kills[0].reason == "why not");
  BOOST_REQUIRE(dismissals.size() == 1U);
  BOOST_TEST(!dismissals[0].given_up);

  tell(action_started{"here/1", "operation", 3});
  action_outcome outcome;
  outcome.status = error(errc::aborted, "spoilt");
  outcome.exit_code = 5;
  tell(action_finished{"here/1", "operation", 3, outcome});
  tell(worker_heartbeat{"here/1"});
  tell(worker_leaving{"here/1"});
  BOOST_REQUIRE(call().heard.size() == 5U);
  BOOST_TEST(std::get<action_started>(call().heard[1]).attempt == 3U);
  BOOST_TEST(std::get<action_finished>(call().heard[2]).outcome.status.code() == errc::aborted);
  BOOST_TEST(std::get<action_finished>(call().heard[2]).outcome.exit_code == 5);
  BOOST_TEST(call().count<session_heartbeat>() == 1U);
  BOOST_TEST(call().count<worker_leaving>() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_broken_session_is_opened_anew_and_the_worker_goes_on, bench) {
  register_well();
  give("a");
  tell(action_started{"here/1", "a", 1});
  cut();
  BOOST_TEST(dismissals.empty());
  come_back();
  BOOST_TEST(dismissals.empty());
  BOOST_TEST(hello().epoch == 99U);
  BOOST_REQUIRE(hello().running.size() == 1U);
  BOOST_TEST(hello().running[0].operation == "a");
  BOOST_TEST(hello().running[0].attempt == 1U);
  // The scheduler may not have heard that it runs.
  BOOST_TEST(call().count<action_started>() == 1U);
  tell(action_finished{"here/1", "a", 1, {}});
  BOOST_TEST(call().count<action_finished>() == 1U);
}

BOOST_FIXTURE_TEST_CASE(what_ends_while_the_connection_is_gone_is_told_afterwards, bench) {
  register_well();
  give("a");
  give("b");
  cut();
  tell(action_finished{"here/1", "a", 1, {error(errc::aborted, "spoilt"), {}, 5}});
  come_back();
  BOOST_TEST(hello().running.size() == 2U);
  BOOST_REQUIRE(call().count<action_finished>() == 1U);
  const auto& told = std::get<action_finished>(call().heard.back());
  BOOST_TEST(told.operation == "a");
  BOOST_TEST(told.outcome.exit_code == 5);
}

BOOST_FIXTURE_TEST_CASE(what_was_perhaps_not_heard_is_told_again_and_what_was_heard_is_not, bench) {
  register_well();
  for (const auto* name : {"a", "b", "c"}) give(name);
  tell(action_finished{"here/1", "a", 1, {}});
  tell(action_finished{"here/1", "b", 1, {}});
  // Of this session it has heard the hello and the first end.
  call().say(session_heartbeat{2});
  system.run();
  cut();
  come_back();
  BOOST_REQUIRE(call().count<action_finished>() == 1U);
  BOOST_TEST(std::get<action_finished>(call().heard.back()).operation == "b");
  BOOST_TEST(hello().running.size() == 2U);
  // Counted anew in the new session.
  call().say(session_heartbeat{2});
  system.run();
  tell(action_finished{"here/1", "c", 1, {}});
  call().say(session_heartbeat{3});
  system.run();
  cut();
  BOOST_TEST(dismissals.size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(an_order_that_comes_again_is_carried_out_once, bench) {
  register_well();
  give("a");
  cut();
  come_back();
  give("a");
  BOOST_TEST(starts.size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_scheduler_that_stays_away_is_given_up_when_it_has_given_us_up, bench) {
  register_well();
  give("a");
  cut();
  for (int i = 0; i < 6; ++i) {
    system.pass(600ms);
    if (!call().cancelled) cut();
    BOOST_TEST(dismissals.empty());
  }
  system.pass(1s);
  BOOST_REQUIRE(dismissals.size() == 1U);
  BOOST_TEST(dismissals[0].given_up);
  auto calls = way->calls.size();
  BOOST_TEST(calls > 2U);
  system.pass(20s);
  BOOST_TEST(way->calls.size() == calls);
}

BOOST_FIXTURE_TEST_CASE(a_scheduler_that_takes_nobody_back_is_believed_at_once, bench) {
  register_well();
  give("a");
  cut();
  system.pass(500ms);
  call().say(fail(errc::failed_precondition, "its actions were given up"));
  system.run();
  BOOST_REQUIRE(dismissals.size() == 1U);
  BOOST_TEST(dismissals[0].given_up);
  BOOST_TEST(dismissals[0].reason == "its actions were given up");
}

BOOST_FIXTURE_TEST_CASE(a_leaving_worker_comes_back_to_its_last_action_and_goes_on_leaving, bench) {
  register_well();
  give("a");
  tell(worker_leaving{"here/1"});
  cut();
  come_back();
  BOOST_TEST(call().count<worker_leaving>() == 1U);
  BOOST_TEST(dismissals.empty());
}

BOOST_FIXTURE_TEST_CASE(a_silent_scheduler_is_dialled_anew_while_something_runs, bench) {
  register_well();
  give("a");
  system.pass(5s);
  BOOST_TEST(way->calls[0]->cancelled);
  BOOST_TEST(dismissals.empty());
  system.pass(500ms);
  BOOST_TEST(way->calls.size() == 2U);
}

BOOST_FIXTURE_TEST_CASE(a_broken_session_without_actions_gives_the_worker_up, bench) {
  register_well();
  call().say(fail(errc::unavailable, "connection reset"));
  system.run();
  BOOST_REQUIRE(dismissals.size() == 1U);
  BOOST_TEST(dismissals[0].given_up);
  // What is still said goes nowhere; the next session is a new call.
  tell(action_finished{"here/1", "operation", 1, {}});
  register_well();
  BOOST_TEST(way->calls.size() == 2U);
  BOOST_TEST(call().heard.size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_session_that_the_scheduler_closes_gives_the_worker_up, bench) {
  register_well();
  call().say(std::optional<byte_chain>());
  system.run();
  BOOST_REQUIRE(dismissals.size() == 1U);
  BOOST_TEST(dismissals[0].given_up);
}

BOOST_FIXTURE_TEST_CASE(a_worker_that_has_left_is_not_given_up, bench) {
  register_well();
  tell(worker_leaving{"here/1"});
  call().say(std::optional<byte_chain>());
  system.run();
  BOOST_TEST(dismissals.empty());
}

BOOST_FIXTURE_TEST_CASE(a_silent_scheduler_is_given_up, bench) {
  register_well();
  system.pass(4s);
  call().say(session_heartbeat{});
  system.pass(4s);
  BOOST_TEST(dismissals.empty());
  system.pass(2s);
  BOOST_REQUIRE(dismissals.size() == 1U);
  BOOST_TEST(dismissals[0].given_up);
  BOOST_TEST(call().cancelled);
}

BOOST_FIXTURE_TEST_CASE(garbage_ends_the_session, bench) {
  register_well();
  call().say(std::optional(byte_chain(bytes::of_static("\xff\xff"))));
  system.run();
  BOOST_TEST(dismissals.size() == 1U);
  BOOST_TEST(call().cancelled);
}

BOOST_FIXTURE_TEST_CASE(when_the_worker_is_gone_the_session_ends, bench) {
  register_well();
  system.end(worker);
  BOOST_TEST(call().cancelled);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
