#include "test/actors/system/cluster_calls.hpp"
#include "test/actors/system/played_node.hpp"

/// What is left of actions that have ended: a server sees millions of them between two starts.
using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(ended_actions)

// A timer keeps the memory of the actor that it is for, and actions may take an hour unless they say
// otherwise.
BOOST_AUTO_TEST_CASE(leave_no_timer_behind) {
  played_node node;
  node.kiln.join(execution_node + R"(
worker: {cas: blobs, work_root: "${KILN_DATA}/work", slots: 2, action_users: none}
)");
  const auto before = node.kiln.system().timers_beyond(1min);
  for (int i = 0; i < 20; ++i) {
    auto call = execute_echo(node.kiln, "action " + std::to_string(i));
    node.kiln.pass(1s);
    BOOST_TEST(call->finished_well());
  }
  BOOST_TEST(node.kiln.system().timers_beyond(1min) <= before);
}

BOOST_AUTO_TEST_SUITE_END()
