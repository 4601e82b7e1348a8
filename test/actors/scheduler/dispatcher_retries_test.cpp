#include "test/actors/scheduler/scheduler_fixture.hpp"

/// Workers that fail, and when and where their actions are tried again.
using namespace kiln;
using kiln::test::dispatcher_fixture;
using namespace std::chrono_literals;

namespace dispatcher_retries {

struct retries_fixture : dispatcher_fixture {
  /// Has this worker fail so many different actions, while nobody else may have them.
  void fail_different(const std::string& worker_id, int count) {
    for (int i = 0; i < count; ++i) {
      submit(action("fails " + std::to_string(++failed_)));
      for (std::size_t at = starts.size(); at-- > 0;)
        if (starts[at].worker_id == worker_id) {
          finish(starts[at], failed(errc::internal));
          break;
        }
    }
  }
  std::size_t starts_at(const std::string& worker_id) const {
    return static_cast<std::size_t>(std::count_if(
        starts.begin(), starts.end(), [&](const auto& each) { return each.worker_id == worker_id; }));
  }

  int failed_ = 0;
};

}  // namespace dispatcher_retries

BOOST_FIXTURE_TEST_SUITE(dispatcher_retries, retries_fixture)

BOOST_AUTO_TEST_CASE(tries_at_one_worker_are_ever_further_apart) {
  auto w = admit("w");
  auto state = submit(action("a"));
  std::vector<duration> pauses;
  for (std::size_t tries = 1; tries <= 3; ++tries) {
    BOOST_REQUIRE_EQUAL(starts.size(), tries);
    finish(starts.back(), failed(errc::internal));
    BOOST_TEST(starts.size() == tries);
    BOOST_TEST(dispatch.stats().queued == 1u);
    auto failed_at = now;
    while (starts.size() == tries && now < failed_at + 1min) pass(500ms, {w});
    pauses.push_back(now - failed_at);
  }
  BOOST_TEST((pauses[0] >= 500ms && pauses[0] <= 1s));
  BOOST_TEST((pauses[1] >= 1s && pauses[1] <= 2s));
  BOOST_TEST((pauses[2] >= 2s && pauses[2] <= 4s));
  finish(starts.back(), failed(errc::internal));
  BOOST_TEST(state_of(state.name).outcome.status.code() == errc::internal);
  BOOST_TEST(state_of(state.name).outcome.status.message().find("tried 4 times") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_rests_can_be_cancelled_and_is_not_tried_again) {
  auto w = admit("w");
  auto state = submit(action("a"));
  finish(starts[0], failed(errc::internal));
  pass(1s, {w});
  finish(starts[1], failed(errc::internal));
  dispatch.cancel(state.name, now);
  BOOST_TEST(dispatch.stats().queued == 0u);
  pass(1min, {w});
  BOOST_TEST(starts.size() == 2u);
}

BOOST_AUTO_TEST_CASE(what_rests_is_answered_when_the_scheduler_closes) {
  auto w = admit("w");
  auto state = submit(action("a"));
  finish(starts[0], failed(errc::internal));
  pass(1s, {w});
  finish(starts[1], failed(errc::internal));
  dispatch.close(now);
  BOOST_TEST(state_of(state.name).outcome.status.code() == errc::unavailable);
  BOOST_TEST(dispatch.stats().queued == 0u);
}

// One of them takes the worker down, and with it whatever else runs there. Nobody knows which.
BOOST_AUTO_TEST_CASE(what_was_failed_twice_shares_a_worker_with_no_other_like_it) {
  auto w = admit("w", 4);
  std::vector<operation_state> all;
  for (const auto* name : {"poison", "innocent", "innocent too"}) all.push_back(submit(action(name)));
  for (int round = 0; round < 2; ++round) {
    auto running = std::exchange(starts, {});
    BOOST_REQUIRE_EQUAL(running.size(), 3u);
    for (const auto& each : running) finish(each, failed(errc::unavailable));
    pass(round == 0 ? 1s : 2s, {w});
  }
  // Others run beside it as ever.
  submit(action("other"));
  BOOST_REQUIRE_EQUAL(starts.size(), 2u);
  auto poison = digest_of("poison");
  for (int left = 3; left > 0; --left) {
    auto next = std::find_if(starts.begin(), starts.end(), [&](const auto& each) {
      return !(each.order.action.action == digest_of("other"));
    });
    BOOST_REQUIRE((next != starts.end()));
    auto order = *next;
    starts.erase(next);
    finish(order, order.order.action.action == poison ? failed(errc::unavailable)
                                                      : action_outcome{{}, bytes::of_static("r"), 1, false});
  }
  for (int i : {1, 2}) BOOST_TEST(state_of(all[i].name).outcome.exit_code == 1);
  BOOST_TEST(state_of(all[0].name).now == stage::queued);
}

BOOST_AUTO_TEST_CASE(an_action_waits_for_another_worker_rather_than_go_back_at_once) {
  auto bad = admit("bad");
  submit(action("a"));
  auto good = admit("good");
  submit(action("busy"));
  BOOST_REQUIRE_EQUAL(starts.size(), 2u);
  finish(starts[0], failed(errc::unavailable));
  BOOST_TEST(starts.size() == 2u);
  // Others are not kept from the worker that failed it.
  submit(action("b"));
  BOOST_REQUIRE_EQUAL(starts.size(), 3u);
  BOOST_TEST(starts[2].worker_id == bad);
  finish(starts[1]);
  BOOST_REQUIRE_EQUAL(starts.size(), 4u);
  BOOST_TEST(starts[3].worker_id == good);
  BOOST_TEST((starts[3].order.action.action == digest_of("a")));
}

BOOST_AUTO_TEST_CASE(where_the_others_stay_busy_the_same_worker_has_it_again) {
  auto bad = admit("bad");
  submit(action("a"));
  auto good = admit("good");
  submit(action("busy"));
  finish(starts[0], failed(errc::unavailable));
  pass(9s, {bad, good});
  BOOST_TEST(starts.size() == 2u);
  pass(2s, {bad, good});
  BOOST_REQUIRE_EQUAL(starts.size(), 3u);
  BOOST_TEST(starts[2].worker_id == bad);
}

BOOST_AUTO_TEST_CASE(a_worker_that_fails_different_actions_is_set_aside_and_comes_back_by_itself) {
  auto bad = admit("bad");
  submit(action("fails 0"));
  auto good = admit("good");
  finish(starts[0], failed(errc::internal));
  BOOST_TEST(aside.empty());
  fail_different(bad, 2);
  BOOST_REQUIRE_EQUAL(aside.size(), 1u);
  BOOST_TEST(aside[0].first == bad);
  BOOST_TEST(dispatch.stats().set_aside == 1u);
  auto before = starts_at(bad);
  for (const auto* name : {"x", "y", "z", "v", "w"}) submit(action(name));
  pass(29s, {bad, good});
  BOOST_TEST(starts_at(bad) == before);
  pass(2s, {bad, good});
  BOOST_TEST((back == std::vector<std::string>{bad}));
  BOOST_TEST(dispatch.stats().set_aside == 0u);
  BOOST_TEST(starts_at(bad) == before + 1);
}

BOOST_AUTO_TEST_CASE(a_worker_on_trial_has_one_action_and_after_it_all_its_slots) {
  auto bad = admit("bad", 3);
  auto good = admit("good", 1);
  fail_different(bad, 3);
  BOOST_REQUIRE_EQUAL(aside.size(), 1u);
  auto before = starts_at(bad);
  for (int i = 0; i < 9; ++i) submit(action("x" + std::to_string(i)));
  pass(31s, {bad, good});
  BOOST_TEST(starts_at(bad) == before + 1);
  for (std::size_t at = starts.size(); at-- > 0;)
    if (starts[at].worker_id == bad) {
      finish(starts[at], {{}, {}, 1, false});
      break;
    }
  BOOST_TEST(starts_at(bad) == before + 4);
}

BOOST_AUTO_TEST_CASE(a_worker_that_fails_its_trial_is_set_aside_for_longer) {
  auto bad = admit("bad");
  auto good = admit("good", 1);
  fail_different(bad, 3);
  for (int i = 0; i < 9; ++i) submit(action("x" + std::to_string(i)));
  pass(31s, {bad, good});
  for (std::size_t at = starts.size(); at-- > 0;)
    if (starts[at].worker_id == bad) {
      finish(starts[at], failed(errc::unavailable));
      break;
    }
  BOOST_REQUIRE_EQUAL(aside.size(), 2u);
  BOOST_TEST((aside[1].second > aside[0].second));
}

BOOST_AUTO_TEST_CASE(one_action_that_fails_everywhere_sets_nobody_aside) {
  std::vector<std::string> workers;
  for (const auto* name : {"a", "b", "c"}) workers.push_back(admit(name));
  for (int i = 0; i < 4; ++i) {
    auto spec = action("poison");
    spec.do_not_cache = true;
    submit(spec);
    for (auto each : std::vector(starts)) finish(each, failed(errc::internal));
    pass(20s, workers);
  }
  BOOST_TEST(aside.empty());
}

BOOST_AUTO_TEST_CASE(what_the_action_did_wrong_is_no_trouble_of_the_worker) {
  auto w = admit("w", 4);
  admit("other");
  for (int i = 0; i < 8; ++i) {
    submit(action("bad " + std::to_string(i)));
    finish(starts.back(), failed(errc::invalid_argument));
  }
  BOOST_TEST(aside.empty());
}

BOOST_AUTO_TEST_CASE(the_last_worker_of_its_kind_goes_on) {
  auto only = admit("only", 1, {{"os", "linux"}});
  admit("unlike", 1, {{"os", "mac"}});
  for (int i = 0; i < 8; ++i) {
    submit(action("bad " + std::to_string(i), {{"os", "linux"}}));
    for (auto each : std::vector(starts)) finish(each, failed(errc::internal));
    pass(5s, {only});
  }
  BOOST_TEST(aside.empty());
}

BOOST_AUTO_TEST_CASE(a_worker_that_is_set_aside_is_needed_when_the_others_leave) {
  auto bad = admit("bad");
  auto good = admit("good", 1);
  fail_different(bad, 3);
  BOOST_REQUIRE_EQUAL(aside.size(), 1u);
  dispatch.lost(good, "it is gone", now);
  pass(1s, {bad});
  BOOST_TEST((back == std::vector<std::string>{bad}));
}

BOOST_AUTO_TEST_CASE(to_connect_anew_does_not_wash_a_worker_clean) {
  auto bad = admit("bad", 1, {}, 7);
  auto good = admit("good");
  fail_different(bad, 3);
  BOOST_REQUIRE_EQUAL(aside.size(), 1u);
  dispatch.cut(bad, now);
  auto again = admit("bad", 1, {}, 7);
  BOOST_TEST(dispatch.stats().set_aside == 1u);
  auto before = starts_at(again);
  submit(action("x"));
  submit(action("y"));
  BOOST_TEST(starts_at(again) == before);
  pass(31s, {again, good});
  BOOST_TEST(starts_at(again) == before + 1);
}

BOOST_AUTO_TEST_SUITE_END()
