#include "test/actors/scheduler/scheduler_fixture.hpp"

/// Where the output of an action is to be had.
using namespace kiln;
using kiln::test::dispatcher_fixture;
using namespace std::chrono_literals;

namespace dispatcher_outputs {

struct outputs_fixture : dispatcher_fixture {
  std::string admit_showing(const std::string& name) {
    worker_profile profile{name, {}, 1, 1};
    profile.shows_output = true;
    auto welcome = dispatch.admit(profile, now);
    BOOST_REQUIRE(welcome.has_value());
    dispatch.ready(welcome->worker_id);
    return welcome->worker_id;
  }
  errc code_of(const std::string& name, std::uint64_t attempt) {
    auto site = dispatch.find_output(name, attempt);
    return site ? errc::ok : site.error().code();
  }
};

}  // namespace dispatcher_outputs

BOOST_FIXTURE_TEST_SUITE(dispatcher_outputs, outputs_fixture)

BOOST_AUTO_TEST_CASE(clients_are_told_of_the_attempt_that_they_can_follow_while_it_runs) {
  auto w = admit_showing("w");
  auto state = submit(action("a"));
  BOOST_TEST(state_of(state.name).followed == 0u);
  run(starts[0]);
  BOOST_TEST(news.back().state.followed == 1u);
  BOOST_TEST(state_of(state.name).followed == 1u);
  finish(starts[0]);  // the result is on its way into the action cache
  BOOST_TEST((state_of(state.name).now == stage::executing));
  BOOST_TEST(state_of(state.name).followed == 1u);
  dispatch.recorded(recording[0].first, recording[0].second, now);
  BOOST_TEST(state_of(state.name).followed == 0u);
}

BOOST_AUTO_TEST_CASE(an_older_worker_has_nothing_to_follow) {
  auto w = admit("old");
  auto state = submit(action("a"));
  run(starts[0]);
  BOOST_TEST((state_of(state.name).now == stage::executing));
  BOOST_TEST(state_of(state.name).followed == 0u);
  BOOST_TEST(code_of(state.name, 1) == errc::unimplemented);
}

BOOST_AUTO_TEST_CASE(output_is_where_the_attempt_is) {
  auto w = admit_showing("w");
  auto state = submit(action("a"));
  run(starts[0]);
  auto site = dispatch.find_output(state.name, 1);
  BOOST_TEST_REQUIRE(site.has_value());
  BOOST_TEST(site->worker_id == w);
  BOOST_TEST(!site->over);
  BOOST_TEST(code_of(state.name, 0) == errc::not_found);
  BOOST_TEST(code_of(state.name, 2) == errc::not_found);
  BOOST_TEST(code_of("main/operations/guessed", 1) == errc::not_found);
  dispatch.cut(w, now);
  site = dispatch.find_output(state.name, 1);
  BOOST_TEST_REQUIRE(site.has_value());
  BOOST_TEST(site->worker_id.empty());
  BOOST_TEST(!site->over);
  worker_profile back{"w", {}, 1, 1};
  back.running = {{starts[0].order.operation, 1}};
  BOOST_REQUIRE(dispatch.admit(back, now).has_value());
  dispatch.ready(w);
  BOOST_TEST(dispatch.find_output(state.name, 1)->worker_id == w);
  finish(starts[0]);
  site = dispatch.find_output(state.name, 1);
  BOOST_TEST_REQUIRE(site.has_value());
  BOOST_TEST(site->over);
  BOOST_TEST(site->of->outcome.result.view() == "result");
  dispatch.recorded(recording[0].first, recording[0].second, now);
  BOOST_TEST(dispatch.find_output(state.name, 1)->over);
}

BOOST_AUTO_TEST_CASE(an_attempt_that_was_given_up_is_followed_no_further) {
  auto first = admit_showing("first");
  auto state = submit(action("a"));
  run(starts[0]);
  dispatch.lost(first, "it is gone", now);
  BOOST_TEST(state_of(state.name).followed == 0u);
  BOOST_TEST(code_of(state.name, 1) == errc::aborted);
  admit_showing("second");
  BOOST_TEST_REQUIRE(starts.size() == 2u);
  BOOST_TEST(code_of(state.name, 1) == errc::aborted);
  BOOST_TEST(code_of(state.name, 2) == errc::ok);
  run(starts[1]);
  BOOST_TEST(state_of(state.name).followed == 2u);
}

BOOST_AUTO_TEST_CASE(each_client_has_names_of_its_own_and_loses_them_alone) {
  admit_showing("w");
  auto one = submit(action("a"), 1);
  auto other = submit(action("a"), 2);
  run(starts[0]);
  BOOST_REQUIRE(dispatch.cancel(one.name, now).has_value());
  BOOST_TEST(code_of(one.name, 1) == errc::cancelled);
  BOOST_TEST(code_of(other.name, 1) == errc::ok);
}

BOOST_AUTO_TEST_SUITE_END()
