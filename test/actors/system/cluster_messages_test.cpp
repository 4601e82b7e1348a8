#include "test/actors/system/cluster_calls.hpp"

/// What a request costs in messages between actors and in jobs of thread pools, whatever the machine. Where a
/// test fails because it takes more, docs/ARCHITECTURE.md says so, too.
using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(cluster_messages)

namespace {

constexpr std::uint64_t orders = 20;

struct cost {
  std::uint64_t messages = 0;
  std::uint64_t jobs = 0;
};

/// The most that `work` takes, over many orders in which actors may run.
template <class Work>
cost most_that_takes(const std::string& node, const Work& work) {
  cost most;
  for (std::uint64_t seed = 1; seed <= orders; ++seed) {
    cluster kiln(node, seed);
    kiln.run();
    const auto before = kiln.done();
    work(kiln);
    const auto after = kiln.done();
    const auto jobs = after.jobs - before.jobs;
    most.jobs = std::max(most.jobs, jobs);
    most.messages = std::max(most.messages, after.steps - before.steps - jobs);
  }
  return most;
}

}  // namespace

// Without what puts its Command, its Directory and its Action there.
BOOST_AUTO_TEST_CASE(an_action_that_does_nothing_takes_few) {
  const auto most = most_that_takes(execution_node + local_worker_section, [](cluster& kiln) {
    auto call = execute_script(kiln, "true");
    kiln.system().run_until([&] { return call->end().has_value(); });
    BOOST_TEST(response_of(*call).status().code() == 0);
  });
  const auto puts = most_that_takes(execution_node + local_worker_section, [](cluster& kiln) {
    for (const auto* each : {"command", "directory", "action"}) kiln.put(std::string(each));
  });
  BOOST_TEST_MESSAGE("Execute: " << most.messages - puts.messages << " messages, " << most.jobs - puts.jobs
                                 << " jobs");
  BOOST_TEST(most.messages - puts.messages <= 28u);
  BOOST_TEST(most.jobs - puts.jobs <= 3u);
}

// The last is the news that the index of complete results hears.
BOOST_AUTO_TEST_CASE(a_small_blob_takes_four_to_write) {
  const auto most = most_that_takes(execution_node, [](cluster& kiln) { kiln.put(std::string("a blob")); });
  BOOST_TEST_MESSAGE("a write: " << most.messages << " messages, " << most.jobs << " jobs");
  BOOST_TEST(most.messages <= 4u);
  BOOST_TEST(most.jobs == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
