#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "actors/worker/folders/files.hpp"
#include "actors/worker/folders/work_root.hpp"
#include "core/wire/digests.hpp"
#include "test/actors/worker/meeting_point.hpp"
#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

namespace kiln::test {

BOOST_AUTO_TEST_SUITE(worker)

BOOST_AUTO_TEST_CASE(runs_a_command_and_reports_what_it_wrote) {
  worker_bench bench;
  auto command = bench.shell("echo hello; echo oops >&2; printf made > out.txt; exit 3");
  command.add_output_paths("out.txt");
  auto outcome = bench.run(command);
  BOOST_TEST(outcome.status.to_string() == "OK: ");
  BOOST_TEST(outcome.exit_code == 3);
  auto result = bench.result_of(outcome);
  BOOST_TEST(result.exit_code() == 3);
  BOOST_TEST(bench.get(result.stdout_digest()) == "hello\n");
  BOOST_TEST(bench.get(result.stderr_digest()) == "oops\n");
  BOOST_REQUIRE(result.output_files_size() == 1);
  BOOST_TEST(result.output_files(0).path() == "out.txt");
  BOOST_TEST(bench.get(result.output_files(0).digest()) == "made");
  BOOST_TEST(bench.leftovers().empty());
}

BOOST_AUTO_TEST_CASE(enlists_with_what_it_was_configured_to_offer) {
  worker_bench bench([](worker_options& options) {
    options.properties = {{"OSFamily", {"plan9"}}, {"ISA", {}},    {"Arch", {}},
                          {"pool", {"b", "a"}},    {"memory", {}}, {"cpu", {"3"}}};
    options.slots = 3;
  });
  auto profile = bench.master.next_registered().profile;
  BOOST_TEST(profile.name == "bench");
  BOOST_TEST(profile.slots == 3U);
  BOOST_TEST((profile.properties ==
              platform_properties{
                  {"OSFamily", "plan9"}, {"cpu", "3"}, {"network", "on"}, {"pool", "a"}, {"pool", "b"}}));
}

BOOST_AUTO_TEST_CASE(offers_what_the_machine_is_without_being_told) {
  worker_bench bench;
  auto offered = bench.master.next_registered().profile.properties;
  auto has = [&](const std::string& name, const std::string& value) {
    return std::count(offered.begin(), offered.end(), std::pair(name, value)) == 1;
  };
  BOOST_TEST(has("OSFamily", "linux"));
  BOOST_TEST(has("OSFamily", "Linux"));
  utsname machine{};
  BOOST_REQUIRE(::uname(&machine) == 0);
  BOOST_TEST(has("ISA", machine.machine));
  BOOST_TEST(has("Arch", machine.machine));
  if (std::string(machine.machine) == "x86_64") BOOST_TEST(has("ISA", "x86-64"));
  BOOST_TEST(std::is_sorted(offered.begin(), offered.end()));
}

BOOST_AUTO_TEST_CASE(a_worker_without_a_name_gets_one) {
  worker_bench bench([](worker_options& options) { options.name = ""; });
  BOOST_TEST(!bench.master.next_registered().profile.name.empty());
}

BOOST_AUTO_TEST_CASE(beats_under_the_name_that_it_was_given) {
  worker_bench bench;
  BOOST_TEST(bench.master.next_beat().worker_id == "worker-1");
  BOOST_TEST(bench.master.next_beat().worker_id == "worker-1");
}

BOOST_AUTO_TEST_CASE(asks_again_when_it_is_refused) {
  worker_bench bench(nullptr, false);
  bench.master.refuse_next();
  bench.hire();
  BOOST_TEST(bench.master.next_registered().profile.name == "bench");
  BOOST_TEST(bench.out_of(bench.run(bench.shell("echo in"))) == "in\n");
}

BOOST_AUTO_TEST_CASE(f28_a_worker_that_was_given_up_stops_what_it_runs_and_asks_again) {
  worker_bench bench;
  auto first = bench.master.next_registered().profile;
  meeting_point running(bench.folder / "running");
  bench.start(bench.spec(bench.shell(running.script() + "; sleep 1000")));
  pid_t command = running.wait();
  caf::anon_send(bench.worker, dismiss_worker{"too silent", true});
  BOOST_TEST(bench.master.next_finished().outcome.status.code() == errc::cancelled);
  BOOST_TEST(!is_alive(command));
  auto again = bench.master.next_registered().profile;
  BOOST_TEST(again.epoch == first.epoch);
  BOOST_TEST(bench.master.next_beat().worker_id != "");
}

BOOST_AUTO_TEST_CASE(a_worker_that_is_dismissed_lets_its_actions_end) {
  worker_bench bench;
  bench.master.next_registered();
  meeting_point running(bench.folder / "running");
  meeting_point go_on(bench.folder / "go_on");
  bench.start(bench.spec(bench.shell(running.script() + "; cat " + go_on.path() + "; echo ended")));
  running.wait();
  caf::anon_send(bench.worker, dismiss_worker{"the scheduler goes", false});
  go_on.send("and ");
  BOOST_TEST(bench.out_of(bench.master.next_finished().outcome) == "and ended\n");
  bench.master.next_registered();
}

BOOST_AUTO_TEST_CASE(a_start_without_a_free_slot_is_handed_back) {
  worker_bench bench([](worker_options& options) { options.slots = 1; });
  meeting_point running(bench.folder / "running");
  meeting_point go_on(bench.folder / "go_on");
  auto first = bench.start(bench.spec(bench.shell(running.script() + "; cat " + go_on.path())));
  running.wait();
  auto second = bench.start(bench.spec(bench.shell("true")));
  auto refused = bench.master.next_finished();
  BOOST_TEST(refused.operation == second);
  BOOST_TEST(refused.outcome.status.code() == errc::resource_exhausted);
  go_on.send("");
  BOOST_TEST(bench.master.next_finished().operation == first);
}

BOOST_AUTO_TEST_CASE(actions_run_beside_one_another) {
  worker_bench bench;
  meeting_point left(bench.folder / "left");
  meeting_point right(bench.folder / "right");
  // Each waits for the other.
  bench.start(bench.spec(bench.shell("echo from left > " + left.path() + "; cat " + right.path())));
  bench.start(bench.spec(bench.shell("cat " + left.path() + "; echo from right > " + right.path())));
  auto one = bench.out_of(bench.master.next_finished().outcome);
  auto other = bench.out_of(bench.master.next_finished().outcome);
  BOOST_TEST(one + other == (one == "from left\n" ? "from left\nfrom right\n" : "from right\nfrom left\n"));
}

BOOST_AUTO_TEST_CASE(the_start_of_the_command_is_told_with_operation_and_attempt) {
  worker_bench bench;
  auto name = bench.start(bench.spec(bench.shell("true")), 7);
  auto started = bench.master.next_started();
  BOOST_TEST(started.operation == name);
  BOOST_TEST(started.attempt == 7U);
  auto finished = bench.master.next_finished();
  BOOST_TEST(finished.attempt == 7U);
  BOOST_TEST(finished.worker_id == started.worker_id);
}

BOOST_AUTO_TEST_CASE(a_kill_of_another_attempt_or_of_nothing_is_ignored) {
  worker_bench bench;
  meeting_point running(bench.folder / "running");
  meeting_point go_on(bench.folder / "go_on");
  auto name = bench.start(bench.spec(bench.shell(running.script() + "; cat " + go_on.path())), 2);
  running.wait();
  caf::anon_send(bench.worker, kill_action{name, 1, "old"});
  caf::anon_send(bench.worker, kill_action{"no such operation", 1, "never there"});
  go_on.send("");
  BOOST_TEST(bench.master.next_finished().outcome.status.ok());
}

BOOST_AUTO_TEST_CASE(a_drain_waits_for_what_runs_and_says_that_it_leaves) {
  worker_bench bench;
  bench.master.next_registered();
  meeting_point running(bench.folder / "running");
  meeting_point go_on(bench.folder / "go_on");
  bench.start(bench.spec(bench.shell(running.script() + "; cat " + go_on.path())));
  running.wait();
  caf::scoped_actor self{bench.system};
  auto drained = self->request(bench.worker, caf::infinite, drain_worker{});
  bench.master.wait_until_left();
  BOOST_TEST(ask<worker_stats>(bench.system, bench.worker, measure_worker{})->running == 1U);
  go_on.send("");
  bool done = false;
  drained.receive([&](const worker_drained&) { done = true; }, [](const caf::error&) {});
  BOOST_TEST(done);
  BOOST_TEST(bench.master.next_finished().outcome.status.ok());
}

BOOST_AUTO_TEST_CASE(a_work_folder_has_one_worker) {
  worker_bench bench;
  auto second = spawn_worker(bench.system, bench.options, {bench.env, bench.cas, {}, bench.master.actor()});
  BOOST_REQUIRE(!second);
  BOOST_TEST(second.error().code() == errc::failed_precondition);
}

BOOST_AUTO_TEST_CASE(what_an_earlier_worker_left_is_removed) {
  temporary_folder place;
  std::filesystem::create_directories(place / "work/actions/17/root/sub");
  std::ofstream(place / "work/actions/17/root/sub/file") << "left";
  std::ofstream(place / "work/other") << "not ours";
  auto root = work_root::open(system_disk(), (place / "work").string(), make_inline_pool(), nullptr);
  BOOST_REQUIRE(root.has_value());
  BOOST_TEST(std::filesystem::is_empty(place / "work/actions"));
  BOOST_TEST(!std::filesystem::exists(place / "work/old"));
  BOOST_TEST(std::filesystem::exists(place / "work/other"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(removing_trees)

BOOST_AUTO_TEST_CASE(links_are_removed_and_not_followed) {
  temporary_folder place;
  std::filesystem::create_directories(place / "kept");
  std::ofstream(place / "kept/file") << "kept";
  std::filesystem::create_directories(place / "tree");
  std::filesystem::create_directory_symlink(place / "kept", place / "tree/link");
  auto folder = system_disk().open_folder(place.path());
  BOOST_REQUIRE(remove_tree(system_disk(), *folder, "tree"));
  BOOST_TEST(!std::filesystem::exists(place / "tree"));
  BOOST_TEST(std::filesystem::exists(place / "kept/file"));
}

BOOST_AUTO_TEST_CASE(trees_deeper_than_open_files_are_removed) {
  temporary_folder place;
  auto folder = system_disk().open_folder(place.path());
  // Deeper than any path may be long, so step by step.
  BOOST_REQUIRE(::mkdirat(folder->number(), "tree", 0777) == 0);
  auto here = system_disk().open_beneath(*folder, "tree", O_RDONLY | O_DIRECTORY, follow::none, 0).value();
  for (int depth = 0; depth < 3000; ++depth) {
    BOOST_REQUIRE(::mkdirat(here.number(), "d", 0777) == 0);
    here = system_disk().open_beneath(here, "d", O_RDONLY | O_DIRECTORY, follow::none, 0).value();
  }
  BOOST_REQUIRE(remove_tree(system_disk(), *folder, "tree"));
  BOOST_TEST(!std::filesystem::exists(place / "tree"));
}

BOOST_AUTO_TEST_CASE(no_mode_of_a_file_is_changed_on_the_way) {
  temporary_folder place;
  std::filesystem::create_directories(place / "tree/sub");
  std::ofstream(place / "blob") << "shared";
  ::chmod((place / "blob").c_str(), 0555);
  std::filesystem::create_hard_link(place / "blob", place / "tree/sub/input");
  ::chmod((place / "tree/sub").c_str(), 0500);
  auto folder = system_disk().open_folder(place.path());
  BOOST_REQUIRE(remove_tree(system_disk(), *folder, "tree"));
  struct stat facts {};
  ::stat((place / "blob").c_str(), &facts);
  BOOST_TEST((facts.st_mode & 07777) == 0555U);
}

BOOST_AUTO_TEST_CASE(what_is_not_there_needs_no_removal) {
  temporary_folder place;
  auto folder = system_disk().open_folder(place.path());
  BOOST_TEST(remove_tree(system_disk(), *folder, "nothing").has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
