#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <set>

#include "core/merkle/directory.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

namespace kiln::test {
BOOST_AUTO_TEST_SUITE(outputs)

namespace {

v2::Command shell(const std::string& script, std::vector<std::string> outputs) {
  auto command = worker_bench::shell(script);
  for (auto& output : outputs) command.add_output_paths(std::move(output));
  return command;
}

v2::Tree tree_in(worker_bench& bench, const v2::OutputDirectory& folder) {
  v2::Tree tree;
  BOOST_REQUIRE(tree.ParseFromString(bench.get(folder.tree_digest())));
  return tree;
}

digest digest_in(const v2::Digest& from) {
  auto read = from_wire(from, digest_function::sha256);
  BOOST_REQUIRE(read.has_value());
  return *read;
}

errc status_of(worker_bench& bench, const std::string& script, std::vector<std::string> outputs) {
  return bench.run(shell(script, std::move(outputs))).status.code();
}

}  // namespace

BOOST_AUTO_TEST_CASE(rule_191_folders_above_outputs_are_there_and_output_folders_are_not) {
  worker_bench bench;
  auto command = worker_bench::shell("ls -d a a/b c c/d 2>&-; test ! -e a/b/out && test ! -e c/d/dir");
  command.add_output_files("a/b/out");
  command.add_output_directories("c/d/dir");
  auto outcome = bench.run(command);
  BOOST_TEST(outcome.exit_code == 0);
  BOOST_TEST(bench.out_of(outcome) == "a\na/b\nc\nc/d\n");
}

BOOST_AUTO_TEST_CASE(outputs_lie_below_the_working_directory_and_are_named_from_there) {
  worker_bench bench;
  v2::Directory root;
  auto* node = root.add_directories();
  node->set_name("work");
  to_wire(bench.put(v2::Directory()), node->mutable_digest());
  auto command = shell("echo here > sub/out", {"sub/out"});
  command.set_working_directory("work");
  auto result = bench.result_of(bench.run(command, root));
  BOOST_REQUIRE(result.output_files_size() == 1);
  BOOST_TEST(result.output_files(0).path() == "sub/out");
}

BOOST_AUTO_TEST_CASE(rule_192_an_output_that_is_not_there_is_left_out) {
  worker_bench bench;
  auto outcome = bench.run(shell("touch some", {"none", "some", "no/where"}));
  BOOST_TEST(outcome.status.ok());
  auto result = bench.result_of(outcome);
  BOOST_REQUIRE(result.output_files_size() == 1);
  BOOST_TEST(result.output_files(0).path() == "some");
}

BOOST_AUTO_TEST_CASE(rule_199_whether_a_file_is_executable_is_kept) {
  worker_bench bench;
  auto result = bench.result_of(bench.run(shell("touch plain tool; chmod +x tool", {"plain", "tool"})));
  BOOST_REQUIRE(result.output_files_size() == 2);
  BOOST_TEST(!result.output_files(0).is_executable());
  BOOST_TEST(result.output_files(1).is_executable());
}

BOOST_AUTO_TEST_CASE(a_large_output_and_a_large_stream_arrive_whole) {
  worker_bench bench;
  auto outcome = bench.run(shell("head -c 9000001 /dev/zero > big; head -c 5000000 /dev/zero", {"big"}));
  BOOST_REQUIRE(outcome.status.ok());
  auto result = bench.result_of(outcome);
  BOOST_TEST((bench.get(result.output_files(0).digest()) == std::string(9000001, '\0')));
  BOOST_TEST((bench.get(result.stdout_digest()) == std::string(5000000, '\0')));
}

BOOST_AUTO_TEST_CASE(rule_203_a_folder_becomes_a_tree_with_parents_first_and_no_folder_twice) {
  worker_bench bench;
  // "leaf" is the same in three places, at different depths.
  auto outcome = bench.run(
      shell("mkdir -p d/a/leaf d/b/c/leaf d/leaf; for l in d/a d/b/c d; do echo x > $l/leaf/f; done; "
            "ln -s ../b d/a/link; mkdir d/empty",
            {"d"}));
  BOOST_REQUIRE(outcome.status.ok());
  auto result = bench.result_of(outcome);
  BOOST_REQUIRE(result.output_directories_size() == 1);
  BOOST_TEST(result.output_directories(0).path() == "d");
  BOOST_TEST(result.output_directories(0).is_topologically_sorted());
  auto tree = tree_in(bench, result.output_directories(0));
  BOOST_TEST(tree.children_size() == 5);  // a, b, b/c, leaf, empty

  std::set<digest> announced;
  auto announce = [&](const v2::Directory& folder) {
    BOOST_TEST(validate_directory(folder).has_value());
    for (const auto& child : folder.directories()) announced.insert(digest_in(child.digest()));
  };
  announce(tree.root());
  std::set<digest> seen;
  for (const auto& child : tree.children()) {
    auto blob = digest_of(serialise(child).view());
    BOOST_TEST(announced.contains(blob));
    BOOST_TEST(seen.insert(blob).second);
    // Whoever stands later may hold only what stands later still.
    for (const auto& grandchild : child.directories())
      BOOST_TEST(!seen.contains(digest_in(grandchild.digest())));
    announce(child);
  }
  BOOST_TEST(seen.size() == announced.size());
  auto has_leaf = [&](const v2::Directory& child) {
    return child.files_size() == 1 && bench.get(child.files(0).digest()) == "x\n";
  };
  BOOST_TEST(std::count_if(tree.children().begin(), tree.children().end(), has_leaf) == 1);
}

BOOST_AUTO_TEST_CASE(rule_203_equal_folders_have_equal_trees_however_they_were_made) {
  worker_bench bench;
  auto first = bench.result_of(bench.run(shell("mkdir -p d/x d/y; echo 1 > d/x/f; echo 2 > d/a", {"d"})));
  auto second =
      bench.result_of(bench.run(shell("mkdir d; echo 2 > d/a; mkdir d/y d/x; echo 1 > d/x/f", {"d"})));
  BOOST_TEST(first.output_directories(0).tree_digest().hash() ==
             second.output_directories(0).tree_digest().hash());
}

BOOST_AUTO_TEST_CASE(folders_can_be_had_as_directories_too) {
  worker_bench bench;
  auto command = shell("mkdir -p d/sub; echo x > d/sub/f", {"d"});
  command.set_output_directory_format(v2::Command::TREE_AND_DIRECTORY);
  auto both = bench.result_of(bench.run(command)).output_directories(0);
  BOOST_TEST(both.has_tree_digest());
  v2::Directory root;
  BOOST_REQUIRE(root.ParseFromString(bench.get(both.root_directory_digest())));
  v2::Directory sub;
  BOOST_REQUIRE(sub.ParseFromString(bench.get(root.directories(0).digest())));
  BOOST_TEST(sub.files(0).name() == "f");

  command.set_output_directory_format(v2::Command::DIRECTORY_ONLY);
  auto only = bench.result_of(bench.run(command)).output_directories(0);
  BOOST_TEST(!only.has_tree_digest());
  BOOST_TEST(only.root_directory_digest().hash() == both.root_directory_digest().hash());
}

BOOST_AUTO_TEST_CASE(rule_200_nothing_as_a_folder_is_the_whole_working_directory) {
  worker_bench bench;
  auto command = worker_bench::shell("echo x > f");
  command.add_output_directories("");
  auto result = bench.result_of(bench.run(command));
  BOOST_REQUIRE(result.output_directories_size() == 1);
  BOOST_TEST(result.output_directories(0).path() == "");
  auto tree = tree_in(bench, result.output_directories(0));
  BOOST_REQUIRE(tree.root().files_size() == 1);
  BOOST_TEST(tree.root().files(0).name() == "f");
}

BOOST_AUTO_TEST_CASE(rule_194_an_output_of_the_wrong_kind_is_a_failed_precondition) {
  worker_bench bench;
  for (const char* script : {"mkdir out", "mkdir real; ln -s real out"}) {
    auto command = worker_bench::shell(script);
    command.add_output_files("out");
    BOOST_TEST(bench.run(command).status.code() == errc::failed_precondition, script);
  }
  for (const char* script : {"touch out", "touch real; ln -s real out"}) {
    auto command = worker_bench::shell(script);
    command.add_output_directories("out");
    BOOST_TEST(bench.run(command).status.code() == errc::failed_precondition, script);
  }
}

BOOST_AUTO_TEST_CASE(rule_195_links_are_reported_as_links_in_new_and_in_old_fields) {
  worker_bench bench;
  auto modern = bench.result_of(bench.run(shell("ln -s a/target out", {"out"})));
  BOOST_REQUIRE(modern.output_symlinks_size() == 1);
  BOOST_TEST(modern.output_symlinks(0).path() == "out");
  BOOST_TEST(modern.output_symlinks(0).target() == "a/target");
  BOOST_TEST(modern.output_file_symlinks_size() == 0);

  auto command = worker_bench::shell("touch f; mkdir d; ln -s f lf; ln -s d ld");
  command.add_output_files("lf");
  command.add_output_directories("ld");
  auto old = bench.result_of(bench.run(command));
  BOOST_REQUIRE(old.output_file_symlinks_size() == 1);
  BOOST_TEST(old.output_file_symlinks(0).target() == "f");
  BOOST_REQUIRE(old.output_directory_symlinks_size() == 1);
  BOOST_TEST(old.output_directory_symlinks(0).target() == "d");
  BOOST_TEST(old.output_symlinks_size() == 2);
}

BOOST_AUTO_TEST_CASE(rule_198_an_absolute_link_as_output_is_a_matter_of_configuration) {
  worker_bench lenient;
  BOOST_TEST(status_of(lenient, "ln -s /etc/passwd out", {"out"}) == errc::ok);
  worker_bench strict([](worker_options& options) { options.absolute_symlinks = false; });
  BOOST_TEST(status_of(strict, "ln -s /etc/passwd out", {"out"}) == errc::failed_precondition);
  BOOST_TEST(status_of(strict, "mkdir d; ln -s /etc d/l", {"d"}) == errc::failed_precondition);
}

BOOST_AUTO_TEST_CASE(s9_no_link_leads_the_collection_out_of_the_tree) {
  worker_bench bench;
  std::ofstream(bench.folder / "secret") << "host bytes";
  auto outside = bench.folder.path().string();
  // The output's parent is swapped for a link to the host, absolute and relative.
  BOOST_TEST(status_of(bench, "rmdir p; ln -s " + outside + " p", {"p/secret"}) == errc::failed_precondition);
  BOOST_TEST(status_of(bench, "rmdir p; ln -s ../../../.. p", {"p/secret"}) == errc::failed_precondition);
  // A link inside a folder is reported, not followed.
  auto result = bench.result_of(bench.run(shell("mkdir d; ln -s " + outside + " d/l", {"d"})));
  auto tree = tree_in(bench, result.output_directories(0));
  BOOST_TEST(tree.root().symlinks_size() == 1);
  BOOST_TEST(tree.children_size() == 0);
  BOOST_TEST(!bench.has(digest_of("host bytes")));
}

BOOST_AUTO_TEST_CASE(a_parent_that_is_a_link_within_the_tree_is_followed) {
  worker_bench bench;
  auto outcome = bench.run(shell("mkdir real; echo x > real/out; rmdir p; ln -s real p", {"p/out"}));
  BOOST_TEST(bench.get(bench.result_of(outcome).output_files(0).digest()) == "x\n");
}

BOOST_AUTO_TEST_CASE(s10_what_is_no_file_is_refused_and_hangs_nobody) {
  worker_bench bench;
  for (std::string make : {"mkfifo", "mkdir d; mkfifo d/"}) {
    bool nested = make.back() == '/';
    auto outcome = bench.run(nested ? shell(make + "pipe", {"d"}) : shell(make + " pipe", {"pipe"}));
    BOOST_TEST(outcome.status.code() == errc::failed_precondition, make);
    BOOST_TEST(outcome.status.message().find("pipe") != std::string::npos);
  }
  BOOST_TEST(status_of(bench, "python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('s')\"",
                       {"s"}) == errc::failed_precondition);
  BOOST_TEST(status_of(bench, "ln -s loop loop", {"loop"}) == errc::ok);
  BOOST_TEST(status_of(bench, "rmdir p; ln -s p p", {"p/out"}) == errc::failed_precondition);
}

BOOST_AUTO_TEST_CASE(s10_a_sparse_file_beyond_the_bound_is_refused) {
  worker_bench bench;
  BOOST_TEST(status_of(bench, "exec truncate -s 1T out", {"out"}) == errc::failed_precondition);
  // A single file may be as large as a stream.
  worker_bench small([](worker_options& options) { options.max_output_size = {1000}; });
  BOOST_TEST(status_of(small, "mkdir d; truncate -s 1M d/out", {"d"}) == errc::failed_precondition);
}

BOOST_AUTO_TEST_CASE(more_entries_than_allowed_are_refused) {
  worker_bench bench([](worker_options& options) { options.max_output_entries = 10; });
  BOOST_TEST(status_of(bench, "mkdir d; touch d/1 d/2 d/3", {"d"}) == errc::ok);
  BOOST_TEST(status_of(bench, "mkdir d; for i in 1 2 3 4 5 6 7 8 9 10 11; do touch d/$i; done", {"d"}) ==
             errc::failed_precondition);
}

BOOST_AUTO_TEST_CASE(names_and_targets_that_are_not_utf8_are_refused) {
  worker_bench bench;
  BOOST_TEST(status_of(bench, "mkdir d; touch d/$(printf '\\377')", {"d"}) == errc::failed_precondition);
  BOOST_TEST(status_of(bench, "ln -s $(printf '\\377') l", {"l"}) == errc::failed_precondition);
}

BOOST_AUTO_TEST_CASE(outputs_that_cannot_be_written_or_listed_leave_nothing_behind) {
  worker_bench bench;
  BOOST_TEST(bench.run(shell("mkdir -p d/e; touch d/e/f; chmod 0 d/e; chmod 0 d", {})).status.ok());
  BOOST_TEST(bench.leftovers().empty());
}

BOOST_AUTO_TEST_CASE(the_result_says_who_ran_it_and_when) {
  worker_bench bench;
  auto result = bench.result_of(bench.run(shell("true", {})));
  const auto& data = result.execution_metadata();
  BOOST_TEST(data.worker() == "bench");
  BOOST_TEST(data.worker_start_timestamp().seconds() > 0);
  BOOST_TEST(data.input_fetch_start_timestamp().seconds() > 0);
  BOOST_TEST(data.input_fetch_completed_timestamp().seconds() > 0);
  BOOST_TEST(data.execution_start_timestamp().seconds() > 0);
  BOOST_TEST(data.execution_completed_timestamp().seconds() > 0);
  BOOST_TEST(data.output_upload_start_timestamp().seconds() > 0);
  BOOST_TEST(data.output_upload_completed_timestamp().seconds() > 0);
  BOOST_TEST(data.worker_completed_timestamp().seconds() > 0);
  BOOST_TEST(data.virtual_execution_duration().nanos() > 0);
}

BOOST_AUTO_TEST_CASE(rule_180_digests_of_results_use_the_actions_function) {
  worker_bench bench;
  auto command = shell("echo x > out; mkdir d; echo y > d/f; echo z", {"out", "d"});
  auto action = bench.spec(command);
  action.action = digest_of("action", digest_function::blake3);
  action.command_digest = digest_of("unused", digest_function::blake3);
  action.input_root = digest_of("", digest_function::blake3);
  auto result = bench.result_of(bench.run(action));
  BOOST_TEST(result.output_files(0).digest().hash() == digest_of("x\n", digest_function::blake3).hex());
  BOOST_TEST(result.stdout_digest().hash() == digest_of("z\n", digest_function::blake3).hex());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
