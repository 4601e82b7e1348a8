#include "test/actors/worker/remote_scheduler_bench.hpp"

/// What a far worker tells of the output of its actions, and how that keeps out of the way of its news.
namespace kiln::test {
BOOST_FIXTURE_TEST_SUITE(remote_outputs, remote_scheduler_bench)

BOOST_AUTO_TEST_CASE(output_is_asked_of_the_worker_and_told) {
  register_well();
  call().say(output_wanted{5, {"operation", 2, standard_stream::err, 100, 4096}});
  system.run();
  BOOST_TEST_REQUIRE(reads.size() == 1U);
  BOOST_TEST(reads[0].operation == "operation");
  BOOST_TEST(reads[0].attempt == 2U);
  BOOST_TEST((reads[0].stream == standard_stream::err));
  BOOST_TEST(reads[0].offset == 100U);
  BOOST_TEST(reads[0].limit == 4096U);
  const auto& told = std::get<output_told>(call().heard.back());
  BOOST_TEST(told.number == 5U);
  BOOST_TEST(told.piece.data.view() == "written");
  output = fail(errc::unavailable, "this attempt does not run here");
  call().say(output_wanted{6, {"operation", 1}});
  system.run();
  BOOST_TEST(std::get<output_told>(call().heard.back()).number == 6U);
  BOOST_TEST((std::get<output_told>(call().heard.back()).status.code() == errc::unavailable));
}

BOOST_AUTO_TEST_CASE(an_end_and_a_heartbeat_do_not_wait_behind_output) {
  register_well();
  give("operation");
  call().holding = true;
  for (std::uint64_t number = 1; number <= 3; ++number) call().say(output_wanted{number, {"operation", 1}});
  system.run();
  tell(worker_heartbeat{"here/1"});
  tell(action_finished{"here/1", "operation", 1, {}});
  BOOST_TEST(call().count<output_told>() == 1U);
  for (int i = 0; i < 2; ++i) {
    call().let_through();
    system.run();
  }
  BOOST_TEST(call().count<output_told>() == 1U);
  BOOST_TEST(call().count<session_heartbeat>() == 1U);
  BOOST_TEST(call().count<action_finished>() == 1U);
  for (int i = 0; i < 2; ++i) {
    call().let_through();
    system.run();
  }
  BOOST_TEST(call().count<output_told>() == 3U);
}

// The scheduler counts them neither; a report that was heard is not repeated.
BOOST_AUTO_TEST_CASE(output_is_not_counted_among_what_was_said) {
  register_well();
  give("operation");
  call().say(output_wanted{1, {"operation", 1}});
  system.run();
  tell(action_finished{"here/1", "operation", 1, {}});
  call().say(session_heartbeat{2});  // the hello and the end
  system.run();
  cut();
  BOOST_TEST(dismissals.size() == 1U);  // nothing is left to come back to
}

BOOST_AUTO_TEST_CASE(output_of_a_session_that_broke_is_told_in_no_other) {
  register_well();
  give("operation");
  call().holding = true;
  for (std::uint64_t number = 1; number <= 3; ++number) call().say(output_wanted{number, {"operation", 1}});
  system.run();
  cut();
  come_back();
  BOOST_TEST(call().count<output_told>() == 0U);
  call().say(output_wanted{1, {"operation", 1}});
  system.run();
  BOOST_TEST(call().count<output_told>() == 1U);
}

BOOST_AUTO_TEST_CASE(a_scheduler_that_wants_output_without_end_is_left) {
  register_well();
  give("operation");
  call().holding = true;
  for (std::uint64_t number = 1; number <= 2100; ++number)
    call().say(output_wanted{number, {"operation", 1}});
  system.run();
  BOOST_TEST(call().cancelled);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
