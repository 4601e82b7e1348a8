#include "actors/system/drain.hpp"

#include <boost/test/unit_test.hpp>

#include "test/harness/deterministic_system.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace draining {

struct drain_bench : deterministic_system {
  /// A step that is begun, and done when the test says so.
  drain_step step(const std::string& name, duration until = 10s) {
    return {name, until, [this, name](std::function<void()> done) {
              begun.push_back(name);
              dones.push_back(std::move(done));
            }};
  }
  void spawn(std::vector<drain_step> steps) {
    drain = own(spawn_drain(actors(), std::move(steps), env().log));
  }
  auto ask_for_it() {
    auto heard = begin<drained>(drain, begin_drain{});
    run();
    return heard;
  }
  void finish(std::size_t which) {
    dones.at(which)();
    run();
  }

  drain_actor drain;
  std::vector<std::string> begun;
  std::vector<std::function<void()>> dones;
};

using names = std::vector<std::string>;

}  // namespace draining

BOOST_FIXTURE_TEST_SUITE(draining, drain_bench)

BOOST_AUTO_TEST_CASE(nothing_is_begun_before_it_is_asked_for) {
  spawn({step("listeners")});
  run();
  BOOST_TEST(begun.empty());
}

BOOST_AUTO_TEST_CASE(a_step_begins_when_the_one_before_is_done) {
  spawn({step("listeners"), step("work"), step("stores")});
  auto heard = ask_for_it();
  BOOST_TEST(begun == names{"listeners"});
  finish(0);
  BOOST_TEST((begun == names{"listeners", "work"}));
  finish(1);
  BOOST_TEST((begun == names{"listeners", "work", "stores"}));
  BOOST_TEST(!heard->has_value());
  finish(2);
  BOOST_TEST_REQUIRE(heard->has_value());
  BOOST_TEST((*heard)->value().complete);
}

BOOST_AUTO_TEST_CASE(a_step_may_be_done_at_once) {
  spawn({{"at once", 10s, [](auto done) { done(); }}, step("next")});
  ask_for_it();
  BOOST_TEST(begun == names{"next"});
}

BOOST_AUTO_TEST_CASE(no_steps_are_done_at_once) {
  spawn({});
  auto heard = ask_for_it();
  BOOST_TEST_REQUIRE(heard->has_value());
  BOOST_TEST((*heard)->value().complete);
}

BOOST_AUTO_TEST_CASE(a_step_that_takes_too_long_is_given_up_and_the_next_one_begins) {
  spawn({step("stuck", 10s), step("next")});
  auto heard = ask_for_it();
  pass(9s);
  BOOST_TEST(begun == names{"stuck"});
  pass(1s);
  BOOST_TEST((begun == names{"stuck", "next"}));
  finish(1);
  BOOST_TEST_REQUIRE(heard->has_value());
  BOOST_TEST(!(*heard)->value().complete);
}

BOOST_AUTO_TEST_CASE(what_is_done_after_it_was_given_up_ends_nothing_else) {
  spawn({step("late", 1s), step("next"), step("last")});
  ask_for_it();
  pass(1s);
  finish(0);
  BOOST_TEST((begun == names{"late", "next"}));
}

BOOST_AUTO_TEST_CASE(steps_share_the_time_that_is_counted_from_the_beginning) {
  spawn({step("scheduler", 10s), step("worker", 10s), step("stores", 12s)});
  auto heard = ask_for_it();
  pass(9s);
  finish(0);
  BOOST_TEST((begun == names{"scheduler", "worker"}));
  pass(1s);
  BOOST_TEST((begun == names{"scheduler", "worker", "stores"}));
  pass(2s);
  BOOST_TEST_REQUIRE(heard->has_value());
  BOOST_TEST(!(*heard)->value().complete);
}

BOOST_AUTO_TEST_CASE(a_step_whose_time_is_over_when_it_comes_is_begun_and_not_waited_for) {
  spawn({step("stuck", 10s), step("also stuck", 10s), step("last", 11s)});
  ask_for_it();
  pass(10s);
  pass(100ms);
  BOOST_TEST((begun == names{"stuck", "also stuck", "last"}));
}

BOOST_AUTO_TEST_CASE(who_asks_meanwhile_is_answered_at_the_same_end) {
  spawn({step("listeners")});
  auto first = ask_for_it();
  auto second = ask_for_it();
  BOOST_TEST(begun == names{"listeners"});
  BOOST_TEST(!second->has_value());
  finish(0);
  BOOST_TEST(first->has_value());
  BOOST_TEST(second->has_value());
}

BOOST_AUTO_TEST_CASE(who_asks_afterwards_is_told_how_it_ended_and_nothing_runs_again) {
  spawn({step("stuck", 1s)});
  ask_for_it();
  pass(1s);
  auto again = ask_for_it();
  BOOST_TEST(begun == names{"stuck"});
  BOOST_TEST_REQUIRE(again->has_value());
  BOOST_TEST(!(*again)->value().complete);
}

BOOST_AUTO_TEST_SUITE_END()
