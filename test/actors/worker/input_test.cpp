#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "google/rpc/error_details.pb.h"
#include "test/actors/worker/counting_store.hpp"
#include "test/actors/worker/meeting_point.hpp"
#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

namespace kiln::test {
BOOST_AUTO_TEST_SUITE(inputs)

namespace {

void add_folder(v2::Directory& to, const std::string& name, const digest& blob) {
  auto* node = to.add_directories();
  node->set_name(name);
  to_wire(blob, node->mutable_digest());
}

void add_link(v2::Directory& to, const std::string& name, const std::string& target) {
  auto* node = to.add_symlinks();
  node->set_name(name);
  node->set_target(target);
}

void add_absent(v2::Directory& to, const std::string& name, const digest& blob) {
  auto* node = to.add_files();
  node->set_name(name);
  to_wire(blob, node->mutable_digest());
}

std::vector<std::string> missing_in(const error& fault) {
  std::vector<std::string> subjects;
  for (const auto& detail : fault.details()) {
    google::rpc::PreconditionFailure failed;
    BOOST_REQUIRE(failed.ParseFromString(detail.value));
    for (const auto& one : failed.violations()) {
      BOOST_TEST(one.type() == "MISSING");
      subjects.push_back(one.subject());
    }
  }
  std::sort(subjects.begin(), subjects.end());
  return subjects;
}

std::string subject_of(const digest& blob) {
  return "blobs/" + blob.to_string();
}

}  // namespace

// Larger than a message by default, as outputs of one action may be inputs of the next.
BOOST_AUTO_TEST_CASE(a_folder_of_five_megabytes_is_an_input_like_others) {
  worker_bench bench;
  v2::Directory root;
  for (int i = 0; i < 15'000; ++i) bench.add_file(root, fmt::format("{:05}", i) + std::string(250, 'n'), "");
  BOOST_REQUIRE(root.ByteSizeLong() > 4 << 20);
  BOOST_TEST(bench.out_of(bench.run(bench.shell("ls | wc -l"), root)) == "15000\n");
}

BOOST_AUTO_TEST_CASE(a_tree_is_there_as_it_was_described) {
  worker_bench bench;
  v2::Directory leaf;
  bench.add_file(leaf, "deep.txt", "deep");
  bench.add_file(leaf, "empty", "");
  v2::Directory root;
  bench.add_file(root, "a.txt", "hello");
  bench.add_file(root, "again.txt", "hello");
  bench.add_file(root, "run.sh", "#!/bin/sh\necho ran\n", true);
  auto shared = bench.put(leaf);
  add_folder(root, "one", shared);
  add_folder(root, "two", shared);
  add_folder(root, "void", bench.put(v2::Directory()));
  add_link(root, "to_file", "a.txt");
  add_link(root, "to_nowhere", "does/not/exist");
  auto out = bench.out_of(bench.run(
      bench.shell("cat a.txt again.txt one/deep.txt two/deep.txt; echo; wc -c < one/empty; ls -A void; "
                  "readlink to_file to_nowhere; ./run.sh; ls | tr '\\n' ' '"),
      root));
  BOOST_TEST(out ==
             "hellohellodeepdeep\n0\na.txt\ndoes/not/exist\nran\n"
             "a.txt again.txt one run.sh to_file to_nowhere two void ");
}

BOOST_AUTO_TEST_CASE(rules_162_to_165_all_that_is_missing_is_named_at_once) {
  worker_bench bench;
  auto absent_file = digest_of("never uploaded");
  auto absent_folder = digest_of("a folder that never was");
  v2::Directory root;
  add_absent(root, "absent", absent_file);
  bench.add_file(root, "present", "present");
  add_folder(root, "gone", absent_folder);
  auto both = bench.run(bench.shell("true"), root);
  BOOST_TEST(both.status.code() == errc::failed_precondition);
  std::vector<std::string> wanted{subject_of(absent_file), subject_of(absent_folder)};
  std::sort(wanted.begin(), wanted.end());
  BOOST_TEST(missing_in(both.status) == wanted, boost::test_tools::per_element());

  v2::Directory files_only;
  add_absent(files_only, "absent", absent_file);
  auto one = bench.run(bench.shell("true"), files_only);
  BOOST_TEST(missing_in(one.status) == std::vector{subject_of(absent_file)},
             boost::test_tools::per_element());
  BOOST_TEST(bench.leftovers().empty());
}

BOOST_AUTO_TEST_CASE(a_missing_command_and_a_missing_root_are_named) {
  worker_bench bench;
  auto action = bench.spec(bench.shell("true"));
  action.command = {};
  action.command_digest = digest_of("no command");
  BOOST_TEST(missing_in(bench.run(action).status) == std::vector{subject_of(action.command_digest)},
             boost::test_tools::per_element());
  action = bench.spec(bench.shell("true"));
  action.input_root = digest_of("no root");
  BOOST_TEST(missing_in(bench.run(action).status) == std::vector{subject_of(action.input_root)},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_command_that_was_not_sent_along_is_fetched) {
  worker_bench bench;
  auto action = bench.spec(bench.shell("echo fetched"));
  action.command = {};
  BOOST_TEST(bench.out_of(bench.run(action)) == "fetched\n");
}

BOOST_AUTO_TEST_CASE(rule_208_a_folder_that_is_not_canonical_is_refused_before_any_file_is_made) {
  worker_bench bench;
  for (const char* bad : {"..", ".", "", "a/b"}) {
    v2::Directory inner;
    bench.add_file(inner, bad, "x");
    v2::Directory root;
    add_folder(root, "inner", bench.put(inner));
    BOOST_TEST(bench.run(bench.shell("true"), root).status.code() == errc::invalid_argument, bad);
  }
  v2::Directory unsorted;
  bench.add_file(unsorted, "b", "x");
  bench.add_file(unsorted, "a", "x");
  BOOST_TEST(bench.run(bench.shell("true"), unsorted).status.code() == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(s7_what_is_no_directory_is_refused) {
  worker_bench bench;
  auto action = bench.spec(bench.shell("true"));
  action.input_root = bench.put(std::string("\xff\xff garbage"));
  BOOST_TEST(bench.run(action).status.code() == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(rule_204_digests_of_another_function_are_refused) {
  worker_bench bench;
  v2::Directory root;
  auto* node = root.add_files();
  node->set_name("file");
  node->mutable_digest()->set_hash(std::string(32, 'a'));
  node->mutable_digest()->set_size_bytes(1);
  BOOST_TEST(bench.run(bench.shell("true"), root).status.code() == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(rule_198_absolute_links_are_a_matter_of_configuration) {
  v2::Directory root;
  add_link(root, "link", "/etc/hostname");
  worker_bench lenient;
  BOOST_TEST(lenient.out_of(lenient.run(lenient.shell("readlink link"), root)) == "/etc/hostname\n");
  worker_bench strict([](worker_options& options) { options.absolute_symlinks = false; });
  BOOST_TEST(strict.run(strict.shell("true"), root).status.code() == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(s13_a_tree_that_folds_out_beyond_the_bound_is_refused) {
  worker_bench bench([](worker_options& options) { options.max_input_entries = 10'000; });
  // Each folder holds the one before it twice: sixty messages, 2^60 folders.
  v2::Directory last;
  for (int depth = 0; depth < 60; ++depth) {
    auto blob = bench.put(last);
    last = {};
    add_folder(last, "left", blob);
    add_folder(last, "right", blob);
  }
  BOOST_TEST(bench.run(bench.shell("true"), last).status.code() == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_deep_tree_is_made_and_removed) {
  worker_bench bench;
  v2::Directory last;
  bench.add_file(last, "bottom", "found");
  std::string path;
  for (int depth = 0; depth < 200; ++depth) {
    auto blob = bench.put(last);
    last = {};
    add_folder(last, "d", blob);
    path += "d/";
  }
  BOOST_TEST(bench.out_of(bench.run(bench.shell("cat " + path + "bottom"), last)) == "found");
  BOOST_TEST(bench.leftovers().empty());
}

BOOST_AUTO_TEST_CASE(inputs_are_linked_from_what_the_cache_lends) {
  worker_bench bench([](worker_options& options) { options.inputs = input_mode::trusted_links; }, false);
  auto cache = spawn_counting_store(bench.system, bench.spawn_filesystem_store());
  bench.hire(cache.actor);
  v2::Directory root;
  bench.add_file(root, "input", "linked", true);
  auto out = bench.out_of(bench.run(bench.shell("stat -c '%a %h' input"), root));
  // The cache's own name for it, and ours.
  BOOST_TEST(out == "555 2\n");
}

// Links have the mode of what they lead to, which is one for all who have one.
BOOST_AUTO_TEST_CASE(what_is_not_executable_is_not_and_does_not_come_back_as_such) {
  const std::string script = "#!/bin/sh\necho ran\n";
  const std::string large = std::string(2 << 20, 'L');
  for (auto how : {input_mode::safe, input_mode::trusted_links, input_mode::copy})
    for (bool lends : {false, true}) {
      worker_bench bench(nullptr, false);
      bench.options.inputs = how;
      bench.hire(lends ? bench.spawn_filesystem_store() : store_actor());
      v2::Directory root;
      bench.add_file(root, "data", script);
      bench.add_file(root, "large", large);
      bench.add_file(root, "large_tool", large, true);
      bench.add_file(root, "tool", script, true);
      auto command = bench.shell("./tool; ./data 2>/dev/null && echo ran too; cp large copy");
      for (const char* output : {"copy", "data", "large", "large_tool", "tool"})
        command.add_output_paths(output);
      auto outcome = bench.run(command, root);
      BOOST_TEST_REQUIRE(outcome.status.ok());
      BOOST_TEST(bench.out_of(outcome).starts_with("ran\n"));
      BOOST_TEST(bench.out_of(outcome).find("too") == std::string::npos);
      const auto result = bench.result_of(outcome);
      for (const auto& file : result.output_files())
        BOOST_TEST(file.is_executable() == file.path().ends_with("tool"), file.path());
    }
}

BOOST_AUTO_TEST_CASE(each_input_is_fetched_once_however_many_actions_want_it) {
  worker_bench bench([](worker_options& options) { options.slots = 8; }, false);
  auto cas = spawn_counting_store(bench.system, bench.cas);
  bench.cas = cas.actor;
  auto cache = spawn_counting_store(bench.system, bench.spawn_filesystem_store());
  bench.hire(cache.actor);
  v2::Directory root;
  for (int i = 10; i < 60; ++i)
    bench.add_file(root, "input" + std::to_string(i), "content " + std::to_string(i));
  std::string large(3 << 20, 'L');
  bench.add_file(root, "large", large);
  for (int i = 0; i < 8; ++i) bench.start(bench.spec(bench.shell("cat input* large | wc -c"), root));
  for (int i = 0; i < 8; ++i) BOOST_TEST(bench.out_of(bench.master.next_finished().outcome) == "3146228\n");
  for (int i = 10; i < 60; ++i)
    BOOST_TEST(cas.counts->reads(digest_of("content " + std::to_string(i))) == 1U);
  BOOST_TEST(cas.counts->reads(digest_of(large)) == 1U);
  // And when they are all done, the cache has them.
  BOOST_TEST(bench.run(bench.shell("true"), root).status.ok());
  BOOST_TEST(cas.counts->reads(digest_of(large)) == 1U);
}

BOOST_AUTO_TEST_CASE(f14_an_input_that_the_cache_was_made_to_forget_is_fetched_again_by_the_next_try) {
  worker_bench bench(nullptr, false);
  auto cache = bench.spawn_filesystem_store();
  bench.hire(cache);
  v2::Directory root;
  bench.add_file(root, "input", "honest");
  BOOST_TEST(bench.run(bench.shell("true"), root).status.ok());
  BOOST_TEST(ask<forgotten>(bench.system, cache, forget_blob{digest_of("honest")})->was_present);
  auto first = bench.run(bench.shell("cat input"), root);
  auto second = first.status.ok() ? first : bench.run(bench.shell("cat input"), root);
  BOOST_TEST((first.status.ok() || first.status.code() == errc::unavailable));
  BOOST_TEST(bench.out_of(second) == "honest");
}

BOOST_AUTO_TEST_CASE(an_action_may_remove_and_replace_its_inputs) {
  worker_bench bench(nullptr, false);
  bench.hire(bench.spawn_filesystem_store());
  v2::Directory root;
  bench.add_file(root, "input", "honest");
  auto command = bench.shell("rm input; echo new > input");
  command.add_output_paths("input");
  auto outcome = bench.run(command, root);
  BOOST_TEST(outcome.status.ok());
  BOOST_TEST(bench.get(bench.result_of(outcome).output_files(0).digest()) == "new\n");
  BOOST_TEST(bench.out_of(bench.run(bench.shell("cat input"), root)) == "honest");
}

BOOST_AUTO_TEST_CASE(copied_inputs_are_the_actions_own) {
  worker_bench bench([](worker_options& options) { options.inputs = input_mode::copy; }, false);
  bench.hire(bench.spawn_filesystem_store());
  v2::Directory root;
  bench.add_file(root, "input", "honest");
  bench.add_file(root, "tool", "#!/bin/sh\n", true);
  auto outcome =
      bench.run(bench.shell("printf changed > input; cat input; stat -c %h input; test -x tool"), root);
  BOOST_TEST(outcome.status.ok());
  BOOST_TEST(outcome.exit_code == 0);
  BOOST_TEST(bench.out_of(outcome) == "changed1\n");
  BOOST_TEST(bench.out_of(bench.run(bench.shell("cat input"), root)) == "honest");
}

BOOST_AUTO_TEST_CASE(a_store_that_lends_nothing_is_copied_from) {
  worker_bench bench;  // the store in memory
  v2::Directory root;
  std::string large(5 << 20, 'x');
  bench.add_file(root, "large", large);
  bench.add_file(root, "small", "small");
  BOOST_TEST(bench.out_of(bench.run(bench.shell("cat small; stat -c %s large"), root)) == "small5242880\n");
}

BOOST_AUTO_TEST_CASE(f12_a_damaged_file_in_the_cache_is_fetched_again) {
  worker_bench bench([](worker_options& options) { options.kept_inputs = {0}; }, false);
  bench.hire(bench.spawn_filesystem_store());
  v2::Directory root;
  bench.add_file(root, "input", "honest");
  BOOST_TEST(bench.run(bench.shell("true"), root).status.ok());
  bench.overwrite_cached("honest", "short");
  BOOST_TEST(bench.out_of(bench.run(bench.shell("cat input"), root)) == "honest");
}

// Rot is found out by whoever reads the whole blob, which may be while an action has the same file in hand.
BOOST_AUTO_TEST_CASE(an_action_is_not_believed_when_a_file_that_it_may_have_was_found_damaged) {
  worker_bench bench(nullptr, false);
  auto cache = bench.spawn_filesystem_store();
  bench.hire(cache);
  const std::string honest(100'000, 'h'), rotten(100'000, 'r');
  v2::Directory root;
  bench.add_file(root, "input", honest, true);
  const auto gate = bench.folder / "gate", others_gate = bench.folder / "others";
  for (const auto& one : {gate, others_gate}) BOOST_REQUIRE(::mkfifo(one.c_str(), 0666) == 0);
  bench.start(bench.spec(bench.shell("cat " + gate.string() + "; cat input"), root));
  (void)bench.master.next_started();
  // Another one, without that file, has nothing to do with it.
  bench.start(bench.spec(bench.shell("cat " + others_gate.string())));
  (void)bench.master.next_started();
  bench.overwrite_cached(honest, rotten);
  BOOST_TEST(!ask<blob_content>(bench.system, cache, read_blob{digest_of(honest)}).has_value());
  std::ofstream(gate) << "go";
  auto end = bench.master.next_finished();
  // As Kiln's own user it may have written to its input itself, which is looked at as well.
  BOOST_TEST((end.outcome.status.code() == errc::unavailable || end.outcome.status.code() == errc::aborted),
             end.outcome.status.to_string());
  BOOST_TEST((end.outcome.fault == fault_owner::elsewhere));
  std::ofstream(others_gate) << "go";
  end = bench.master.next_finished();
  BOOST_TEST(end.outcome.status.ok(), end.outcome.status.to_string());
  BOOST_TEST(bench.out_of(end.outcome) == "go");
  // The next one has what was uploaded.
  BOOST_TEST((bench.out_of(bench.run(bench.shell("cat input"), root)) == honest));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
