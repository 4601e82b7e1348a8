#include <thread>

#include "actors/worker/worker.hpp"
#include "test/actors/scheduler/scripted_worker.hpp"
#include "test/actors/system/cluster_calls.hpp"
#include "test/actors/worker/meeting_point.hpp"

/// How a whole Kiln comes to rest.
using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(cluster_drain)

namespace {

constexpr std::uint64_t seeds = 20;

}  // namespace

BOOST_AUTO_TEST_CASE(the_drain_tells_those_in_the_queue_that_nobody_will_come) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    cluster kiln(execution_node, seed);
    auto call = execute_echo(kiln, "hello");
    kiln.run();
    BOOST_TEST_REQUIRE(!call->end().has_value());
    auto end = kiln.begin_drain();
    kiln.run();
    BOOST_TEST_REQUIRE(end->has_value());
    BOOST_TEST((*end)->value().complete);
    BOOST_TEST_REQUIRE(call->end().has_value());
    auto code =
        call->end()->ok() ? static_cast<errc>(response_of(*call).status().code()) : call->end()->code();
    BOOST_TEST(code == errc::unavailable);
    BOOST_TEST(kiln.put("late").error().code() == errc::unavailable);
  }
}

// Bazel comes back for 3.1 seconds to a server that turns it away, and then gives up the build.
BOOST_AUTO_TEST_CASE(while_an_action_ends_in_the_drain_everybody_else_is_served) {
  cluster kiln(execution_node);
  scripted_worker worker(kiln.system(), kiln.scheduler(), {"worker", {}, 1, 1});
  BOOST_TEST_REQUIRE(worker.join().has_value());
  auto running = execute_echo(kiln, "runs");
  kiln.run();
  BOOST_TEST_REQUIRE(worker.starts().size() == 1u);
  auto end = kiln.begin_drain();
  kiln.run();
  BOOST_TEST(kiln.put("meanwhile").has_value());
  auto waiting = execute_echo(kiln, "waits");
  kiln.run();
  BOOST_TEST(!waiting->end().has_value());
  BOOST_TEST(!end->has_value());
  v2::ActionResult result;
  worker.finish(worker.starts().front(), {{}, serialise(result), 0, false});
  kiln.run();
  BOOST_TEST_REQUIRE(end->has_value());
  BOOST_TEST((*end)->value().complete);
  BOOST_TEST(response_of(*running).status().code() == 0);
  BOOST_TEST(worker.starts().size() == 1u);
  BOOST_TEST(waiting->end().has_value());
  BOOST_TEST(kiln.put("late").error().code() == errc::unavailable);
}

// Longer than a worker may be silent: one that was told to go is heard until its last action has ended.
BOOST_AUTO_TEST_CASE(an_action_may_use_all_the_time_of_the_drain) {
  for (bool beside : {true, false}) {
    cluster kiln(beside ? execution_node + local_worker_section : execution_node);
    if (!beside) kiln.join(worker_node);
    meeting_point running(kiln.data() + "/running");
    meeting_point go_on(kiln.data() + "/go_on");
    auto call = execute_script(kiln, running.script() + "; cat " + go_on.path() + " > out");
    pid_t command = 0;
    std::thread met([&] { command = running.wait(); });
    kiln.system().run_until([&] { return stage_of(*call) == v2::ExecutionStage::EXECUTING; });
    met.join();
    auto end = kiln.begin_drain();
    kiln.pass(29s);
    BOOST_TEST(!end->has_value());
    go_on.send("ended");
    kiln.system().run_until([&] { return call->end().has_value(); });
    kiln.pass(500ms);  // a worker elsewhere leaves when it has nothing to do any more
    BOOST_TEST_REQUIRE(end->has_value());
    BOOST_TEST((*end)->value().complete);
    auto response = response_of(*call);
    BOOST_TEST(response.status().code() == 0, response.status().message());
    BOOST_TEST(response.result().output_files_size() == 1);
    BOOST_TEST(!is_alive(command));
  }
}

BOOST_AUTO_TEST_CASE(an_action_that_does_not_end_is_waited_for_once) {
  cluster kiln(execution_node + local_worker_section);
  meeting_point running(kiln.data() + "/running");
  meeting_point go_on(kiln.data() + "/go_on");
  auto call = execute_script(kiln, running.script() + "; cat " + go_on.path());
  std::thread met([&] { running.wait(); });
  kiln.system().run_until([&] { return stage_of(*call) == v2::ExecutionStage::EXECUTING; });
  met.join();
  auto end = kiln.begin_drain();
  kiln.pass(29s);
  BOOST_TEST(!end->has_value());
  kiln.pass(6s);
  BOOST_TEST_REQUIRE(end->has_value());
  BOOST_TEST(!(*end)->value().complete);
  BOOST_TEST_REQUIRE(call->end().has_value());
  // Its threads must be at rest before the worker is gone.
  local_worker worker;
  for (const auto& each : kiln.node(0).guarded())
    if (each.name == "worker") worker = caf::actor_cast<local_worker>(each.actor);
  go_on.send("");
  kiln.system().run_until(
      [&] { return kiln.system().ask<worker_stats>(worker, measure_worker{})->running == 0; });
}

// Whoever ends Kiln by hand reads this.
BOOST_AUTO_TEST_CASE(an_end_in_order_is_one_line_and_alarms_nobody) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    cluster kiln(execution_node + local_worker_section, seed);
    kiln.run();
    const auto before = kiln.system().log_lines().size();
    auto end = kiln.begin_drain();
    kiln.pass(20s);
    BOOST_TEST_REQUIRE(end->has_value());
    const auto news = kiln.system().log_lines().substr(before);
    BOOST_TEST(std::count(news.begin(), news.end(), '\n') == 1, news);
    BOOST_TEST(news.find("no more actions are given") != std::string::npos, news);
  }
}

BOOST_AUTO_TEST_CASE(the_drain_waits_for_a_call_that_goes_on_but_not_for_ever) {
  for (bool patient : {true, false}) {
    cluster kiln(cache_node);
    auto reader = kiln.begin("/google.bytestream.ByteStream/Write");
    kiln.run();
    auto end = kiln.begin_drain();
    kiln.pass(20s);
    BOOST_TEST(!end->has_value());
    if (patient)
      reader->cancel();
    else
      kiln.pass(11s);
    kiln.run();
    BOOST_TEST_REQUIRE(end->has_value());
    BOOST_TEST(reader->end().has_value());
  }
}

BOOST_AUTO_TEST_SUITE_END()
