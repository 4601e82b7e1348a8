#include <boost/test/unit_test.hpp>

#include "core/wire/digests.hpp"
#include "test/actors/worker/meeting_point.hpp"
#include "test/actors/worker/stalling_store.hpp"
#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

/// An action may be stopped wherever it is, and nothing of it stays.
namespace kiln::test {
BOOST_AUTO_TEST_SUITE(stopping)

struct stalled_bench : worker_bench {
  stalled_bench() : worker_bench(nullptr, false), real(cas) {
    stall = spawn_stalling_store(system, real);
    cas = stall.actor;
    hire();
  }
  ~stalled_bench() { caf::anon_send_exit(stall.actor, caf::exit_reason::user_shutdown); }
  /// Stops the action, whose store does not answer, and sees it end.
  void stop(const std::string& operation) {
    stall.wait();
    caf::anon_send(worker, kill_action{operation, 1, "enough"});
    auto finished = master.next_finished();
    BOOST_TEST(finished.operation == operation);
    BOOST_TEST(finished.outcome.status.code() == errc::cancelled);
    BOOST_TEST(leftovers().empty());
    BOOST_TEST(ask<worker_stats>(system, worker, measure_worker{})->running == 0U);
    stall.let_through();
    BOOST_TEST(out_of(run(shell("echo next"))) == "next\n");
  }

  store_actor real;
  stalling_store stall;
};

BOOST_FIXTURE_TEST_CASE(while_the_command_is_fetched, stalled_bench) {
  auto action = spec(shell("true"));
  action.command = {};
  stall.hold<read_blobs>();
  stop(start(action));
}

BOOST_FIXTURE_TEST_CASE(while_input_folders_are_read, stalled_bench) {
  v2::Directory root;
  add_file(root, "input", "content");
  auto action = spec(shell("true"), root);
  stall.hold<read_blobs>();
  stop(start(action));
}

BOOST_FIXTURE_TEST_CASE(while_inputs_are_asked_for, stalled_bench) {
  v2::Directory root;
  add_file(root, "input", "content");
  auto action = spec(shell("true"), root);
  stall.hold<lend_files>();
  stop(start(action));
}

BOOST_FIXTURE_TEST_CASE(while_outputs_are_looked_for_in_the_store, stalled_bench) {
  auto action = spec(shell("echo said"));
  stall.hold<find_missing>();
  stop(start(action));
}

BOOST_FIXTURE_TEST_CASE(while_small_outputs_are_uploaded, stalled_bench) {
  auto action = spec(shell("echo said"));
  stall.hold<write_blobs>();
  stop(start(action));
}

BOOST_FIXTURE_TEST_CASE(while_a_large_output_is_uploaded, stalled_bench) {
  auto action = spec(shell("head -c 5000000 /dev/zero"));
  stall.hold<write_blob>();
  stop(start(action));
}

BOOST_FIXTURE_TEST_CASE(a_store_that_fails_is_reported_as_it_failed, stalled_bench) {
  auto action = spec(shell("echo said"));
  stall.hold<write_blobs>();
  start(action);
  stall.wait();
  stall.fail_with(error(errc::resource_exhausted, "the store is full"));
  auto outcome = master.next_finished().outcome;
  BOOST_TEST(outcome.status.code() == errc::resource_exhausted);
  BOOST_TEST((outcome.fault == fault_owner::elsewhere));  // which says nothing of the worker
  BOOST_TEST(leftovers().empty());
}

// The end of a time that short comes before the worker knows that it has started a command, as often as not.
BOOST_AUTO_TEST_CASE(an_action_whose_time_is_over_at_once_is_ended) {
  worker_bench bench;
  for (int i = 0; i < 20; ++i) {
    auto action = bench.spec(bench.shell("sleep 1000; echo " + std::to_string(i)));
    action.timeout = std::chrono::nanoseconds(1);
    BOOST_TEST(bench.run(action).status.code() == errc::deadline_exceeded);
  }
}

BOOST_AUTO_TEST_CASE(a_worker_that_is_told_to_go_stops_what_it_runs_first) {
  worker_bench bench;
  meeting_point running(bench.folder / "running");
  bench.start(bench.spec(bench.shell(running.script() + "; sleep 1000")));
  pid_t command = running.wait();
  bench.fire();
  BOOST_TEST(bench.master.next_finished().outcome.status.code() == errc::cancelled);
  bench.master.wait_until_left();
  BOOST_TEST(!is_alive(command));
  BOOST_TEST(bench.leftovers().empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
