#include <chrono>
#include <functional>

#include "core/base/clock.hpp"
#include "test/actors/scheduler/scheduler_fixture.hpp"

/// Ten thousand kinds of needs: what a submission and a freed slot cost then. Counted in steps; the times are
/// printed for people (--log_level=message).
using namespace kiln;
using kiln::test::dispatcher_fixture;
using namespace std::chrono_literals;

namespace dispatcher_kinds {

constexpr int kinds = 10'000;
/// On either side: the bound of the queue, and something for what is moved in it.
constexpr std::uint64_t max_steps = 2 * scheduling::action_queue::max_asked + 64;

struct kinds_fixture : dispatcher_fixture {
  /// Steps of the costliest of these, and how long one took on average.
  template <class Work>
  std::uint64_t costliest(const char* what, int times, Work work) {
    std::uint64_t most = 0;
    duration spent{0};
    for (int i = 0; i < times; ++i) {
      auto before = dispatch.steps();
      auto begun = system_clock().now();
      work(i);
      spent += system_clock().now() - begun;
      most = std::max(most, dispatch.steps() - before);
    }
    auto each = std::chrono::duration_cast<std::chrono::nanoseconds>(spent).count() / times;
    BOOST_TEST_MESSAGE(what << ": " << each << " ns each, at most " << most << " steps");
    return most;
  }
  std::uint64_t submit_all(const char* what, const std::function<action_spec(int)>& spec) {
    return costliest(what, kinds, [&](int i) { submit(spec(i)); });
  }
  std::uint64_t free_slots(const char* what, int times) {
    return costliest(what, times, [&](int) { finish(starts.back(), {{}, {}, 1, false}); });
  }
};

}  // namespace dispatcher_kinds

BOOST_FIXTURE_TEST_SUITE(dispatcher_kinds, kinds_fixture)

BOOST_AUTO_TEST_CASE(a_property_of_its_own_for_each_action_costs_the_others_nothing) {
  options.max_queued = 2 * kinds;
  auto w = admit("w", 1, {{"os", "linux"}});
  submit(action("busy", {{"os", "linux"}}));
  auto spec = [](int i) {
    return action("u" + std::to_string(i), {{"os", "linux"}, {"unique", std::to_string(i)}});
  };
  BOOST_TEST(submit_all("submission of a kind that nobody offers", spec) <= 4u);
  for (int i = 0; i < 100; ++i) submit(action("n" + std::to_string(i), {{"os", "linux"}}));
  BOOST_TEST(free_slots("slot freed beside 10,000 such kinds", 100) <= 8u);
  BOOST_TEST(starts.size() == 101u);
  // And they all come to their end, a bounded number at a time.
  pass(3min, {w});
  BOOST_TEST(dispatch.stats().queued == 0u);
}

BOOST_AUTO_TEST_CASE(an_amount_of_its_own_for_each_action_is_bounded) {
  options.max_queued = 2 * kinds;
  std::vector<std::string> workers;
  for (int i = 0; i < 100; ++i) workers.push_back(admit("w" + std::to_string(i), 4, {{"memory", "12000"}}));
  auto spec = [](int i) {
    return action("m" + std::to_string(i), {{"memory", std::to_string(1 + i * 7919 % kinds)}});
  };
  BOOST_TEST(submit_all("submission of an amount of its own", spec) <= max_steps);
  BOOST_TEST(dispatch.stats().executing > 100u);
  BOOST_TEST(free_slots("slot freed before 10,000 amounts", 1000) <= 4 * max_steps);
  // Nobody is forgotten: what is behind the bound has its turn.
  while (dispatch.stats().executing > 0) {
    auto running = std::exchange(starts, {});
    for (const auto& each : running) finish(each, {{}, {}, 1, false});
  }
  BOOST_TEST(dispatch.stats().queued == 0u);
}

BOOST_AUTO_TEST_CASE(ten_thousand_workers_are_not_asked_one_by_one) {
  for (int i = 0; i < 5000; ++i) admit("x" + std::to_string(i), 1, {{"isa", "x86"}});
  admit("a", 1, {{"isa", "arm"}});
  BOOST_TEST(costliest("submission for the one arm among 5,000", 1, [&](int) {
               submit(action("a", {{"isa", "arm"}}));
             }) <= 4u);
  BOOST_TEST(starts.size() == 1u);
}

// Large actions in front, more of them than are asked: a small one behind waits, but never beside a worker
// that has nothing to do.
BOOST_AUTO_TEST_CASE(an_idle_worker_always_finds_what_suits_it) {
  auto w = admit("w", 8, {{"cpu", "8"}});
  submit(action("first", {{"cpu", "1"}}));
  for (int i = 0; i < 300; ++i) {
    auto large = action("large" + std::to_string(i), {{"cpu", "8"}});
    large.timeout = std::chrono::seconds(1 + i);  // which makes each a kind
    submit(large);
  }
  submit(action("small", {{"cpu", "2"}}));
  BOOST_TEST(starts.size() == 2u);
  while (dispatch.stats().executing > 0) {
    auto running = std::exchange(starts, {});
    for (const auto& each : running) finish(each, {{}, {}, 1, false});
  }
  BOOST_TEST(dispatch.stats().queued == 0u);
}

BOOST_AUTO_TEST_CASE(a_page_of_operations_looks_at_no_others) {
  options.max_queued = 2 * kinds;
  for (int i = 0; i < kinds; ++i) submit(action("a" + std::to_string(i)));
  std::size_t listed = 0;
  std::string after;
  for (auto page = dispatch.list(after, 100); !page.empty(); page = dispatch.list(after, 100)) {
    listed += page.size();
    BOOST_TEST_REQUIRE(page.front().name > after);
    after = page.back().name;
  }
  BOOST_TEST(listed == std::size_t{kinds});
}

BOOST_AUTO_TEST_SUITE_END()
