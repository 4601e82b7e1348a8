#include <boost/test/unit_test.hpp>

#include "actors/worker/sandbox/limits_of_action.hpp"
#include "test/actors/worker/kept_tree_bench.hpp"
#include "test/harness/print.hpp"

// What an action's processes may have together, by the kernel's control groups.
namespace kiln::test {
namespace limited_actions {

struct limits_bench : kept_tree_bench {
  /// Whether this machine lets us; if not, it is no fault of ours.
  bool start_limited() {
    if (!start_working()) return false;
    if (has_logged("actions are limited by control groups")) return true;
    BOOST_TEST_MESSAGE("no control groups here: " << log_lines().back());
    return false;
  }
  action_outcome outcome_of(const std::string& script) { return run(shell(script)); }
};

constexpr char eats_memory[] = "echo before; exec python3 -c 'x = bytearray(200 << 20); print(len(x))'";
constexpr char forks[] = "i=0; while test $i -lt 60; do sleep 100 & i=$((i + 1)); done 2> /dev/null";

}  // namespace limited_actions

BOOST_FIXTURE_TEST_SUITE(an_action_with_limits, limited_actions::limits_bench)

BOOST_AUTO_TEST_CASE(that_wants_more_memory_is_told_which_and_harms_nobody) {
  options.sandbox.memory = 64_MiB;
  options.sandbox.scratch_size = 1_GiB;
  if (!start_limited()) return;
  for (int round = 0; round < 3; ++round) {
    auto outcome = outcome_of(limited_actions::eats_memory);
    BOOST_TEST((outcome.status.code() == errc::failed_precondition), outcome.status.to_string());
    BOOST_TEST((outcome.status.message().find("64MiB of memory") != std::string::npos),
               outcome.status.to_string());
    BOOST_TEST((outcome.fault == fault_owner::action));
    BOOST_TEST(out_of(outcome) == "before\n");
    BOOST_TEST(outcome_of("echo well").status.ok());
    BOOST_TEST(leftovers().empty());
  }
  // Its /tmp is memory, too.
  auto outcome = outcome_of("dd if=/dev/zero of=/tmp/large bs=1M count=100 2> /dev/null; test $? = 0");
  BOOST_TEST(!outcome.status.ok());
}

BOOST_AUTO_TEST_CASE(that_wants_no_more_than_it_may_have_gets_it) {
  options.sandbox.memory = 400_MiB;
  options.sandbox.cpus = 1;
  if (!start_limited()) return;
  auto outcome = outcome_of(limited_actions::eats_memory);
  BOOST_TEST(outcome.status.ok(), outcome.status.to_string());
  BOOST_TEST(out_of(outcome) == "before\n209715200\n");
  BOOST_TEST(facts_of(result_of(outcome)).limited());
}

BOOST_AUTO_TEST_CASE(that_forks_without_end_is_held_and_told) {
  options.sandbox.processes = 32;
  if (!start_limited()) return;
  auto outcome = outcome_of(limited_actions::forks);
  BOOST_TEST((outcome.status.code() == errc::failed_precondition), outcome.status.to_string());
  BOOST_TEST((outcome.status.message().find("32 processes") != std::string::npos),
             outcome.status.to_string());
  // The next one in the same group begins anew, and an action that ends well has managed.
  BOOST_TEST(outcome_of("sleep 0 & wait").status.ok());
}

BOOST_AUTO_TEST_CASE(has_what_its_platform_asks_for_and_no_more_than_there_is) {
  const group_limits most{1000 << 20, 50, 0};
  auto of = [&](const platform_properties& platform) { return limits_for(most, platform); };
  BOOST_TEST((of({}) == most));
  BOOST_TEST(of({{"memory", "104857600"}}).memory == std::uint64_t{100} << 20);
  BOOST_TEST(of({{"memory", "104857600"}, {"memory", "104857600"}}).memory == std::uint64_t{200} << 20);
  BOOST_TEST(of({{"memory", "99999999999999"}}).memory == most.memory);
  BOOST_TEST(of({{"memory", "18446744073709551615"}, {"memory", "1"}}).memory == most.memory);
  BOOST_TEST(of({{"memory", "1"}}).memory == std::uint64_t{16} << 20);
  BOOST_TEST((of({{"memory", "much"}, {"cpu", ""}, {"network", "on"}}) == most));
  BOOST_TEST(of({{"cpu", "2"}}).cpus == 2U);
  BOOST_TEST(limits_for({0, 0, 1}, {{"cpu", "2"}}).cpus == 1U);
  options.sandbox.memory = 400_MiB;
  if (!start_limited()) return;
  auto action = spec(shell(limited_actions::eats_memory));
  action.platform = {{"memory", std::to_string(64 << 20)}};
  auto outcome = run(action);
  BOOST_TEST((outcome.status.message().find("64MiB of memory") != std::string::npos),
             outcome.status.to_string());
  BOOST_TEST(outcome_of(limited_actions::eats_memory).status.ok());
  // What it would be given is less than it asks for: it is told before it has done half of it.
  action = spec(shell("true"));
  action.platform = {{"memory", std::to_string(2 * options.sandbox.memory->bytes)}};
  outcome = run(action);
  BOOST_TEST(outcome.status.code() == errc::failed_precondition);
  BOOST_TEST((outcome.status.message().find("(sandbox.memory)") != std::string::npos),
             outcome.status.message());
}

BOOST_AUTO_TEST_CASE(sees_nothing_of_its_groups) {
  if (!start_limited()) return;
  const auto seen = out_of(outcome_of("cut -d: -f3 /proc/self/cgroup | sort -u; test -e /sys && echo sys"));
  BOOST_TEST(seen.find("kiln-") == std::string::npos, seen);
  BOOST_TEST(seen.find("sys") == std::string::npos, seen);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
