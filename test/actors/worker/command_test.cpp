#include <signal.h>
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <sstream>

#include "core/base/descriptors.hpp"
#include "core/wire/digests.hpp"
#include "test/actors/worker/meeting_point.hpp"
#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

namespace kiln::test {
BOOST_AUTO_TEST_SUITE(commands)

namespace {

using namespace std::chrono_literals;

pid_t parent_of(pid_t pid) {
  auto status = read_file("/proc/" + std::to_string(pid) + "/stat");
  std::istringstream words(status.substr(status.rfind(')') + 4));
  pid_t parent = 0;
  words >> parent;
  return parent;
}

}  // namespace

BOOST_AUTO_TEST_CASE(rule_188_arguments_come_in_order_and_no_shell_reads_them) {
  worker_bench bench;
  v2::Command command;
  for (const char* argument : {"printf", "%s|", "a b", "$HOME", "*", ""}) command.add_arguments(argument);
  BOOST_TEST(bench.out_of(bench.run(command)) == "a b|$HOME|*||");
}

BOOST_AUTO_TEST_CASE(rule_188_a_relative_command_is_found_from_the_working_directory) {
  worker_bench bench;
  v2::Directory sub;
  bench.add_file(sub, "tool", "#!/bin/sh\necho tool in $(basename $(pwd)) says $1\n", true);
  v2::Directory root;
  auto* node = root.add_directories();
  node->set_name("sub");
  to_wire(bench.put(sub), node->mutable_digest());
  v2::Command command;
  command.add_arguments("./tool");
  command.add_arguments("hi");
  command.set_working_directory("sub");
  BOOST_TEST(bench.out_of(bench.run(command, root)) == "tool in sub says hi\n");
}

BOOST_AUTO_TEST_CASE(a_script_that_names_no_interpreter_is_run_by_the_shell) {
  worker_bench bench;
  v2::Directory root;
  bench.add_file(root, "script", "echo $0 says $1 and $2\n", true);
  v2::Command command;
  for (const char* argument : {"./script", "a b", "c"}) command.add_arguments(argument);
  BOOST_TEST(bench.out_of(bench.run(command, root)) == "./script says a b and c\n");
}

BOOST_AUTO_TEST_CASE(a_working_directory_and_outputs_may_be_written_with_dots) {
  worker_bench bench;
  v2::Directory root;
  auto* node = root.add_directories();
  node->set_name("work");
  to_wire(bench.put(v2::Directory()), node->mutable_digest());
  auto command = bench.shell("basename $(pwd); echo one > x; echo two > ../beside/y");
  command.set_working_directory("./work/.");
  command.add_output_paths("./x");
  command.add_output_paths("../beside/y");
  auto outcome = bench.run(command, root);
  BOOST_TEST(bench.out_of(outcome) == "work\n");
  auto result = bench.result_of(outcome);
  BOOST_REQUIRE(result.output_files_size() == 2);
  BOOST_TEST(result.output_files(0).path() == "./x");
  BOOST_TEST(bench.get(result.output_files(0).digest()) == "one\n");
  BOOST_TEST(result.output_files(1).path() == "../beside/y");
  BOOST_TEST(bench.get(result.output_files(1).digest()) == "two\n");
}

BOOST_AUTO_TEST_CASE(rule_189_a_working_directory_must_be_there) {
  worker_bench bench;
  auto command = bench.shell("true");
  command.set_working_directory("nowhere");
  BOOST_TEST(bench.run(command).status.code() == errc::invalid_argument);
  BOOST_TEST(bench.leftovers().empty());
}

BOOST_AUTO_TEST_CASE(rule_190_nothing_but_the_given_environment_is_seen) {
  ::setenv("KILN_TEST_SECRET", "1", 1);
  worker_bench bench;
  v2::Command command;
  command.add_arguments("env");
  auto* variable = command.add_environment_variables();
  variable->set_name("GIVEN");
  variable->set_value("x=y z");
  auto seen = bench.out_of(bench.run(command));
  BOOST_TEST(seen == "GIVEN=x=y z\nPATH=" + bench.options.default_path + "\n");
}

BOOST_AUTO_TEST_CASE(s20_a_command_has_three_open_files_and_reads_nothing) {
  worker_bench bench;
  auto outcome = bench.run(bench.shell("cat; ls /proc/self/fd | tr '\\n' ' '"));
  // The fourth is how ls reads the folder.
  BOOST_TEST(bench.out_of(outcome) == "0 1 2 3 ");
}

BOOST_AUTO_TEST_CASE(a_command_leads_a_session_of_its_own) {
  worker_bench bench;
  auto out = bench.out_of(bench.run(bench.shell("cut -d' ' -f1,5,6 /proc/$$/stat")));
  std::istringstream words(out);
  pid_t pid = 0, group = 0, session = 0;
  words >> pid >> group >> session;
  BOOST_TEST(pid > 0);
  BOOST_TEST(group == pid);
  BOOST_TEST(session == pid);
}

BOOST_AUTO_TEST_CASE(rule_206_a_failing_command_is_no_failure_of_ours) {
  worker_bench bench;
  auto outcome = bench.run(bench.shell("exit 42"));
  BOOST_TEST(outcome.status.ok());
  BOOST_TEST(outcome.exit_code == 42);
}

BOOST_AUTO_TEST_CASE(rule_207_a_command_killed_by_a_signal_exits_with_128_and_its_number) {
  worker_bench bench;
  auto outcome = bench.run(bench.shell("echo before; kill -9 $$"));
  BOOST_TEST(outcome.status.ok());
  BOOST_TEST(outcome.exit_code == 137);
  BOOST_TEST(bench.out_of(outcome) == "before\n");
}

BOOST_AUTO_TEST_CASE(a_command_that_is_not_there_is_a_failed_precondition) {
  worker_bench bench;
  v2::Command command;
  command.add_arguments("no-such-program");
  BOOST_TEST(bench.run(command).status.code() == errc::failed_precondition);
  command.set_arguments(0, "/etc/passwd");
  BOOST_TEST(bench.run(command).status.code() == errc::failed_precondition);
  BOOST_TEST(bench.leftovers().empty());
}

BOOST_AUTO_TEST_CASE(rule_209_daemons_are_gone_when_the_end_is_reported) {
  worker_bench bench;
  auto pids = bench.folder / "pids";
  auto daemon = "sh -c 'echo $$ >> " + pids.string() + "; trap \"\" TERM HUP; while :; do sleep 100; done'";
  meeting_point ready(bench.folder / "ready");
  // One left behind, one in its own session, one forked twice in its own session.
  auto outcome = bench.run(bench.shell(daemon + " & setsid " + daemon + " & (setsid sh -c \"" +
                                       "sh -c 'echo \\$\\$ >> " + pids.string() +
                                       "; exec sleep 100' &\" &) ; " + "while [ $(wc -l < " + pids.string() +
                                       " 2>/dev/null || echo 0) -lt 3 ]; do :; done"));
  BOOST_TEST(outcome.status.ok());
  BOOST_TEST(outcome.exit_code == 0);
  std::istringstream listed(read_file(pids));
  int count = 0;
  for (pid_t pid = 0; listed >> pid; ++count) BOOST_TEST(!is_alive(pid));
  BOOST_TEST(count == 3);
}

BOOST_AUTO_TEST_CASE(rule_171_an_action_that_runs_over_its_time_keeps_what_it_said) {
  worker_bench bench;
  auto command = bench.shell("echo said; echo $$ > made; exec sleep 1000");
  command.add_output_paths("made");
  auto action = bench.spec(command);
  action.timeout = 300ms;
  auto outcome = bench.run(action);
  BOOST_TEST(outcome.status.code() == errc::deadline_exceeded);
  BOOST_TEST(bench.out_of(outcome) == "said\n");
  BOOST_TEST(bench.result_of(outcome).output_files_size() == 0);
  BOOST_TEST(bench.leftovers().empty());
}

BOOST_AUTO_TEST_CASE(an_action_whose_time_is_over_may_end_by_itself_first) {
  worker_bench bench;
  auto action =
      bench.spec(bench.shell("trap 'echo cleaned; exit 3' TERM; echo begun; while :; do sleep 0.05; done"));
  action.timeout = 1s;
  auto outcome = bench.run(action);
  BOOST_TEST(outcome.status.code() == errc::deadline_exceeded);
  BOOST_TEST(bench.out_of(outcome) == "begun\ncleaned\n");
  BOOST_TEST(outcome.exit_code == 3);
}

BOOST_AUTO_TEST_CASE(an_action_that_does_not_end_by_itself_is_killed_after_its_grace) {
  worker_bench bench([](worker_options& options) { options.kill_grace = 50ms; });
  auto action = bench.spec(bench.shell("trap 'echo not yet' TERM; echo begun; while :; do sleep 0.05; done"));
  action.timeout = 1s;
  auto outcome = bench.run(action);
  BOOST_TEST(outcome.status.code() == errc::deadline_exceeded);
  BOOST_TEST(outcome.exit_code == 137);
}

BOOST_AUTO_TEST_CASE(a_kill_ends_the_action_and_all_of_its_processes) {
  worker_bench bench;
  meeting_point running(bench.folder / "running");
  meeting_point orphaned(bench.folder / "orphaned");
  auto name = bench.start(bench.spec(bench.shell("setsid sh -c '" + orphaned.script() + "; sleep 1000' & " +
                                                 running.script() + "; sleep 1000")));
  pid_t orphan = orphaned.wait();
  pid_t command = running.wait();
  caf::anon_send(bench.worker, kill_action{name, 1, "nobody wants it"});
  auto finished = bench.master.next_finished();
  BOOST_TEST(finished.outcome.status.code() == errc::cancelled);
  BOOST_TEST(finished.outcome.status.message() == "nobody wants it");
  BOOST_TEST(!is_alive(orphan));
  BOOST_TEST(!is_alive(command));
  BOOST_TEST(bench.leftovers().empty());
}

BOOST_AUTO_TEST_CASE(a_killed_supervisor_leaves_no_process_behind) {
  worker_bench bench;
  meeting_point running(bench.folder / "running");
  meeting_point supervised(bench.folder / "supervised");
  bench.start(
      bench.spec(bench.shell("(setsid sh -c '" + running.script() + "; sleep 1000' &) ; echo $PPID > " +
                             (bench.folder / "supervised").string() + "; sleep 1000")));
  pid_t orphan = running.wait();
  pid_t supervisor = supervised.wait();
  BOOST_REQUIRE(supervisor > 1);
  ::kill(supervisor, SIGKILL);
  auto lost = bench.master.next_finished().outcome;
  BOOST_TEST(lost.status.code() == errc::unavailable);
  BOOST_TEST((lost.fault == fault_owner::suspect));
  // The launcher cleans up behind it: the next action runs, and by its end the orphan is gone.
  auto outcome =
      bench.run(bench.shell("while kill -0 " + std::to_string(orphan) + " 2>/dev/null; do :; done"));
  BOOST_TEST(outcome.status.ok());
  BOOST_TEST(!is_alive(orphan));
}

BOOST_AUTO_TEST_CASE(a_stopped_supervisor_is_not_waited_for) {
  worker_bench bench;
  meeting_point supervised(bench.folder / "supervised");
  bench.start(bench.spec(bench.shell("echo $PPID > " + supervised.path() + "; exec sleep 1000")));
  ::kill(supervised.wait(), SIGSTOP);
  auto lost = bench.master.next_finished().outcome;
  BOOST_TEST(lost.status.code() == errc::unavailable);
  BOOST_TEST((lost.fault == fault_owner::suspect));
  BOOST_TEST(bench.out_of(bench.run(bench.shell("echo again"))) == "again\n");
}

BOOST_AUTO_TEST_CASE(a_killed_launcher_is_replaced_and_no_command_is_blamed_for_it) {
  worker_bench bench;
  auto supervised = [&](const std::string& name) { return "echo $PPID > " + (bench.folder / name).string(); };
  meeting_point first(bench.folder / "first"), second(bench.folder / "second");
  bench.start(bench.spec(bench.shell(supervised("first") + "; sleep 1000")));
  bench.start(bench.spec(bench.shell(supervised("second") + "; sleep 1001")));
  pid_t launcher = parent_of(first.wait());
  BOOST_TEST(parent_of(second.wait()) == launcher);
  ::kill(launcher, SIGKILL);
  // The supervisors notice and stop the commands.
  for (int i = 0; i < 2; ++i) {
    auto lost = bench.master.next_finished().outcome;
    BOOST_TEST(lost.status.code() == errc::unavailable);
    BOOST_TEST((lost.fault == fault_owner::worker));
    BOOST_TEST(lost.status.details().empty());
  }
  BOOST_TEST(bench.out_of(bench.run(bench.shell("echo again"))) == "again\n");
}

BOOST_AUTO_TEST_CASE(an_action_that_is_alone_when_the_launcher_dies_or_stops_is_suspected) {
  worker_bench bench;
  meeting_point supervised(bench.folder / "supervised");
  for (int signal : {SIGKILL, SIGSTOP}) {
    bench.start(bench.spec(bench.shell("echo $PPID > " + supervised.path() + "; exec sleep 1000")));
    ::kill(parent_of(supervised.wait()), signal);
    auto lost = bench.master.next_finished().outcome;
    BOOST_TEST(lost.status.code() == errc::unavailable, signal);
    BOOST_TEST((lost.fault == fault_owner::suspect), signal);
  }
  BOOST_TEST(bench.out_of(bench.run(bench.shell("echo again"))) == "again\n");
}

BOOST_AUTO_TEST_CASE(commands_go_before_their_supervisors_when_memory_runs_out) {
  worker_bench bench;
  auto scores =
      bench.out_of(bench.run(bench.shell("cat /proc/$$/oom_score_adj /proc/$PPID/oom_score_adj "
                                         "/proc/$(cut -d' ' -f4 /proc/$PPID/stat)/oom_score_adj")));
  std::istringstream words(scores);
  int command = 0, supervisor = 0, launcher = 0;
  words >> command >> supervisor >> launcher;
  BOOST_REQUIRE(words);
  BOOST_TEST(command > supervisor);
  BOOST_TEST(supervisor == launcher);
}

BOOST_AUTO_TEST_CASE(when_the_worker_is_killed_its_commands_go) {
  worker_bench bench;
  meeting_point running(bench.folder / "running");
  bench.start(bench.spec(bench.shell(running.script() + "; sleep 1000")));
  pid_t command = running.wait();
  caf::anon_send_exit(bench.worker, caf::exit_reason::kill);
  bench.options.work_root = (bench.folder / "other").string();
  bench.hire();
  bench.master.next_registered();
  BOOST_TEST(bench.run(bench.shell("while kill -0 " + std::to_string(command) + " 2>/dev/null; do :; done"))
                 .status.ok());
  BOOST_TEST(!is_alive(command));
}

BOOST_AUTO_TEST_CASE(s19_a_command_cannot_gain_privileges) {
  worker_bench bench;
  BOOST_TEST(bench.out_of(bench.run(bench.shell("grep NoNewPrivs /proc/self/status"))) == "NoNewPrivs:\t1\n");
}

BOOST_AUTO_TEST_CASE(a_command_gets_the_limit_of_open_files_that_we_were_started_with) {
  rlimit before{};
  BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit started{500, before.rlim_max};
  BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &started) == 0);
  raise_descriptor_limit();
  BOOST_TEST(descriptor_limit() == before.rlim_max);
  BOOST_TEST(inherited_descriptor_limit() == 500U);
  worker_bench bench;
  auto seen = bench.out_of(bench.run(bench.shell("ulimit -Sn; ulimit -Hn")));
  std::istringstream words(seen);
  std::string soft, hard;
  words >> soft >> hard;
  BOOST_TEST(soft == "500");
  BOOST_TEST(hard != "500");
}

BOOST_AUTO_TEST_CASE(large_arguments_arrive_whole) {
  worker_bench bench;
  v2::Command command;
  for (const char* argument : {"/bin/sh", "-c", "printf %s \"$@\" | wc -c", "sh"})
    command.add_arguments(argument);
  for (int i = 0; i < 1000; ++i) command.add_arguments(std::string(1000, 'x'));
  BOOST_TEST(bench.out_of(bench.run(command)) == "1000000\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
