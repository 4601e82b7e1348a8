#include <chrono>

#include "test/actors/worker/persistent_bench.hpp"

/// How many tools live on, for how long, and how much they may say.
namespace kiln::test::persistent_bounds {

using namespace std::chrono_literals;

/// With one option changed.
struct bench_with : persistent_bench {
  explicit bench_with(void (*change)(worker_options&)) {
    change(options);
    hire();
  }
};

BOOST_AUTO_TEST_SUITE(persistent_workers_are_bounded)

BOOST_AUTO_TEST_CASE(a_tool_has_so_many_uses) {
  bench_with here([](worker_options& options) { options.persistent.uses = 2; });
  const auto first = here.asked({}, {"pid"});
  BOOST_TEST(here.asked({}, {"pid"}).text == first.text);
  auto third = here.asked({}, {"pid"});
  BOOST_TEST(third.how == "started");
  wait_until_gone(pid_in(first.text));
}

BOOST_AUTO_TEST_CASE(there_are_so_many_tools_and_the_one_that_waits_longest_goes) {
  bench_with here([](worker_options& options) { options.persistent.number = 1; });
  const auto first = pid_in(here.asked({}, {"pid"}).text);
  persistent_bench::tool other{persistent_tool_script, {"--other"}};
  BOOST_TEST(here.asked(other, {"pid"}).how == "started");
  wait_until_gone(first);
  // While it is busy nobody waits for it.
  auto name = here.start(here.request(other, {"hang"}));
  while (here.master.next_started().operation != name) {
  }
  auto alone = here.request({}, {"say:hello"});
  here.start(std::move(alone));
  auto heard = here.told(here.master.next_finished().outcome);
  BOOST_TEST(heard.how == "");
  BOOST_TEST(heard.out == "alone hello\n");
}

BOOST_AUTO_TEST_CASE(one_that_is_idle_for_too_long_ends) {
  bench_with here([](worker_options& options) { options.persistent.idle = 20ms; });
  wait_until_gone(pid_in(here.asked({}, {"pid"}).text));
}

BOOST_AUTO_TEST_CASE(without_the_option_there_are_none) {
  bench_with here([](worker_options& options) { options.persistent.number = 0; });
  BOOST_TEST(here.asked({}, {"say:hello"}).out == "alone hello\n");
}

BOOST_AUTO_TEST_CASE(what_it_complains_of_is_bounded) {
  bench_with here([](worker_options& options) { options.max_stream_size = 64_KiB; });
  // Over all requests it may be more.
  for (int i = 0; i < 4; ++i)
    BOOST_TEST(here.asked({}, {"flood:40000"}).how == (i == 0 ? "started" : "reused"));
  auto outcome = here.run(here.request({}, {"flood:200000", "hang"}));
  BOOST_TEST(outcome.status.code() == errc::failed_precondition, outcome.status.to_string());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test::persistent_bounds
