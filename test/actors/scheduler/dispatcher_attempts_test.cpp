#include "test/actors/scheduler/scheduler_fixture.hpp"

/// What clients are told of the attempts at their actions.
using namespace kiln;
using kiln::test::dispatcher_fixture;
using namespace std::chrono_literals;

namespace dispatcher_attempts {

struct logging_fixture : dispatcher_fixture {
  bool keeps_logs() const override { return true; }
  void record(const scheduling::operation& what) override {
    texts.push_back(what.attempts.text(what.queued_since));
    dispatcher_fixture::record(what);
  }
  void settle(bool logged = true) {
    BOOST_REQUIRE(!recording.empty());
    dispatch.recorded(recording.back().first, recording.back().second, now, logged);
  }
  std::vector<std::string> texts;
};

}  // namespace dispatcher_attempts

BOOST_FIXTURE_TEST_SUITE(dispatcher_attempts, logging_fixture)

BOOST_FIXTURE_TEST_CASE(without_a_place_for_texts_none_is_told_of, dispatcher_fixture) {
  admit("w");
  auto state = submit(action("a"));
  finish(starts[0], failed(errc::invalid_argument));
  BOOST_TEST((state_of(state.name).now == stage::completed));
  BOOST_TEST(!state_of(state.name).outcome.attempts_log.has_value());
  BOOST_TEST(recording.empty());
}

BOOST_AUTO_TEST_CASE(a_plain_success_is_not_written_about) {
  admit("w");
  auto state = submit(action("a"));
  finish(starts[0]);
  settle();
  BOOST_TEST(!state_of(state.name).outcome.attempts_log.has_value());
  auto failing = submit(action("exits with 1"));
  finish(starts[1], {{}, bytes::of_static("result"), 1, false});
  BOOST_TEST((state_of(failing.name).now == stage::completed));
  BOOST_TEST(!state_of(failing.name).outcome.attempts_log.has_value());
}

BOOST_AUTO_TEST_CASE(what_became_of_each_attempt_is_told_when_it_took_several) {
  auto first = admit("first");
  auto second = admit("second");
  auto state = submit(action("a"));
  run(starts[0]);
  auto before = starts[0].worker_id == first ? "first" : "second";
  now += 2500ms;
  finish(starts[0], failed(errc::internal));
  BOOST_TEST_REQUIRE(starts.size() == 2u);
  finish(starts[1]);
  BOOST_TEST((state_of(state.name).now == stage::executing));
  settle();
  auto log = state_of(state.name).outcome.attempts_log;
  BOOST_TEST_REQUIRE(log.has_value());
  BOOST_TEST_REQUIRE(texts.size() == 1u);
  BOOST_TEST((*log == digest_of(texts[0])));
  BOOST_TEST(texts[0].find(std::string("attempt 1 on worker ") + before +
                           ": given at 0.000 s, its command began at 0.000 s, ended at 2.500 s\n") !=
             std::string::npos);
  BOOST_TEST(texts[0].find("INTERNAL: worker ") != std::string::npos);
  BOOST_TEST(texts[0].find("something broke") != std::string::npos);
  BOOST_TEST(texts[0].find("attempt 2 on worker ") != std::string::npos);
  BOOST_TEST(texts[0].find("with exit code 0") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_fault_is_written_about_after_one_attempt_and_after_the_last) {
  auto w = admit("w");
  auto state = submit(action("a"));
  finish(starts[0], failed(errc::invalid_argument));
  BOOST_TEST_REQUIRE(texts.size() == 1u);
  BOOST_TEST(texts[0].find("its command was not heard to begin") != std::string::npos);
  settle();
  BOOST_TEST(state_of(state.name).outcome.attempts_log.has_value());
  auto hopeless = submit(action("b"));
  for (std::size_t tries = 2; tries <= 5; ++tries) {
    while (starts.size() < tries) pass(500ms, {w});
    finish(starts.back(), failed(errc::internal));
  }
  BOOST_TEST_REQUIRE(texts.size() == 2u);
  BOOST_TEST(texts[1].find("attempt 4 on worker w") != std::string::npos);
  BOOST_TEST(dispatch.stats().executing == 1u);
  settle();
  BOOST_TEST(dispatch.stats().executing == 0u);
  BOOST_TEST(state_of(hopeless.name).outcome.status.code() == errc::internal);
}

BOOST_AUTO_TEST_CASE(a_text_that_could_not_be_kept_is_not_told_of) {
  admit("w");
  auto state = submit(action("a"));
  finish(starts[0], failed(errc::invalid_argument));
  settle(false);
  BOOST_TEST((state_of(state.name).now == stage::completed));
  BOOST_TEST(!state_of(state.name).outcome.attempts_log.has_value());
}

BOOST_AUTO_TEST_CASE(what_is_cancelled_while_its_text_is_kept_is_over_at_once) {
  admit("w");
  auto state = submit(action("a"));
  finish(starts[0], failed(errc::invalid_argument));
  BOOST_REQUIRE(dispatch.cancel(state.name, now).has_value());
  BOOST_TEST(state_of(state.name).outcome.status.code() == errc::cancelled);
  settle();
  BOOST_TEST(dispatch.stats().executing == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(attempt_logs)

BOOST_AUTO_TEST_CASE(a_log_has_a_bound_however_often_and_loudly_an_action_fails) {
  scheduling::attempt_log log;
  steady_time now{1h};
  for (std::uint64_t attempt = 1; attempt <= 100; ++attempt) {
    log.given(attempt, "w\n" + std::string(10'000, 'w'), now);
    log.began(now);
    log.ended(std::string(1 << 20, '\n'), now);
  }
  const auto text = log.text(now);
  BOOST_TEST(text.size() < 100u << 10);
  BOOST_TEST(text.find("attempt 1 on") != std::string::npos);
  BOOST_TEST(text.find("(attempts 2 to 85 are left out)") != std::string::npos);
  BOOST_TEST(text.find("attempt 100 on") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
