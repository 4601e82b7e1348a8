#include <boost/test/unit_test.hpp>
#include <string>

#include "core/merkle/directory.hpp"
#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

// Times and modes of outputs, for who asks for them, and of inputs.
namespace kiln::test {

namespace {

// 946684801.25 s is 2000-01-01T00:00:01.25Z.
constexpr const char* make_all =
    "umask 022; mkdir -p d/sub; echo x > f; echo y > d/sub/tool; chmod 750 d/sub/tool; chmod 640 f; "
    "ln -s f l; ln -s sub d/l; chmod 711 d/sub; "
    "touch -h -d @946684801.25 f l d/l d/sub/tool; touch -d @946684802 d/sub; touch -d @946684803 d";

v2::Command asking(std::initializer_list<const char*> names, const std::string& script = make_all) {
  auto command = worker_bench::shell(script);
  for (const char* path : {"d", "f", "l"}) command.add_output_paths(path);
  for (const char* name : names) command.add_output_node_properties(name);
  return command;
}

v2::Tree tree_told(worker_bench& bench, const v2::ActionResult& result) {
  v2::Tree tree;
  BOOST_REQUIRE(result.output_directories_size() == 1);
  BOOST_REQUIRE(tree.ParseFromString(bench.get(result.output_directories(0).tree_digest())));
  BOOST_REQUIRE(tree.children_size() == 1);
  return tree;
}

void check_told(const v2::NodeProperties& told, std::int64_t seconds, std::uint32_t mode) {
  BOOST_TEST(told.mtime().seconds() == seconds);
  BOOST_TEST(told.unix_mode().value() == mode);
  BOOST_TEST(told.properties_size() == 0);
}

constexpr std::int64_t at_first = 946684801;

}  // namespace

BOOST_AUTO_TEST_SUITE(node_properties)

BOOST_AUTO_TEST_CASE(are_told_of_files_links_and_folders_at_the_top_and_in_trees) {
  worker_bench bench;
  auto outcome = bench.run(asking({"mtime", "unix_mode"}));
  BOOST_TEST(outcome.exit_code == 0);
  auto result = bench.result_of(outcome);
  BOOST_REQUIRE(result.output_files_size() == 1);
  check_told(result.output_files(0).node_properties(), at_first, 0640);
  BOOST_TEST(result.output_files(0).node_properties().mtime().nanos() == 250'000'000);
  BOOST_REQUIRE(result.output_symlinks_size() == 1);
  check_told(result.output_symlinks(0).node_properties(), at_first, 0777);
  auto tree = tree_told(bench, result);
  check_told(tree.root().node_properties(), at_first + 2, 0755);
  check_told(tree.root().symlinks(0).node_properties(), at_first, 0777);
  const auto& sub = tree.children(0);
  check_told(sub.node_properties(), at_first + 1, 0711);
  check_told(sub.files(0).node_properties(), at_first, 0750);
  BOOST_TEST(sub.files(0).is_executable());
  BOOST_TEST(validate_directory(tree.root()).has_value());
}

BOOST_AUTO_TEST_CASE(are_told_one_by_one_and_to_nobody_who_does_not_ask) {
  worker_bench bench;
  auto modes = bench.result_of(bench.run(asking({"unix_mode"})));
  BOOST_TEST(!modes.output_files(0).node_properties().has_mtime());
  BOOST_TEST(tree_told(bench, modes).children(0).files(0).node_properties().has_unix_mode());
  auto times = bench.result_of(bench.run(asking({"mtime"})));
  BOOST_TEST(!times.output_files(0).node_properties().has_unix_mode());
  BOOST_TEST(tree_told(bench, times).root().node_properties().has_mtime());
  auto none = bench.result_of(bench.run(asking({})));
  BOOST_TEST(!none.output_files(0).has_node_properties());
  BOOST_TEST(!none.output_symlinks(0).has_node_properties());
  BOOST_TEST(!tree_told(bench, none).root().has_node_properties());
  BOOST_TEST(!tree_told(bench, none).root().symlinks(0).has_node_properties());
  BOOST_TEST(!tree_told(bench, none).children(0).files(0).has_node_properties());
}

BOOST_AUTO_TEST_CASE(make_equal_folders_of_what_is_equal_with_them_and_others_of_what_is_not) {
  worker_bench bench;
  auto tree_after = [&](std::initializer_list<const char*> names, const std::string& more) {
    auto result = bench.result_of(bench.run(asking(names, make_all + more)));
    BOOST_REQUIRE(result.output_directories_size() == 1);
    return result.output_directories(0).tree_digest().hash();
  };
  const std::string later = "; touch -d @946684899 d";
  BOOST_TEST(tree_after({"mtime"}, "") == tree_after({"mtime"}, "; true"));
  BOOST_TEST(tree_after({"mtime"}, "") != tree_after({"mtime"}, later));
  BOOST_TEST(tree_after({"unix_mode"}, "") == tree_after({"unix_mode"}, later));
  BOOST_TEST(tree_after({}, "") == tree_after({}, later + "; chmod 700 d"));
}

BOOST_AUTO_TEST_CASE(of_inputs_are_accepted_and_a_mode_makes_a_file_executable) {
  worker_bench bench;
  v2::Directory root;
  bench.add_file(root, "data", "#!/bin/sh\n");
  bench.add_file(root, "tool", "#!/bin/sh\necho ran\n");
  for (int i : {0, 1}) {
    auto* properties = root.mutable_files(i)->mutable_node_properties();
    properties->mutable_mtime()->set_seconds(at_first);
    properties->mutable_unix_mode()->set_value(i == 0 ? 0640 : 0750);
  }
  auto* link = root.add_symlinks();
  link->set_name("way");
  link->set_target("tool");
  link->mutable_node_properties()->mutable_mtime()->set_seconds(at_first);
  root.mutable_node_properties()->mutable_unix_mode()->set_value(0700);
  auto* other = root.mutable_node_properties()->add_properties();
  other->set_name("colour");
  other->set_value("blue");
  BOOST_TEST(bench.out_of(bench.run(bench.shell("test ! -x data && ./way"), root)) == "ran\n");
}

BOOST_AUTO_TEST_SUITE_END()

// A failure is an answer too: what it leaves behind is what its author looks at.
BOOST_AUTO_TEST_SUITE(outputs_of_failed_actions)

BOOST_AUTO_TEST_CASE(are_collected_and_uploaded_whatever_the_end_was) {
  for (auto [end, code] : {std::pair("exit 1", 1), std::pair("exit 255", 255), std::pair("kill -9 $$", 137),
                           std::pair("kill -TERM $$", 143)}) {
    worker_bench bench;
    auto outcome =
        bench.run(asking({"unix_mode"}, std::string(make_all) + "; echo said; echo why >&2; " + end));
    BOOST_TEST(outcome.status.to_string() == "OK: ", end);
    BOOST_TEST(outcome.exit_code == code, end);
    auto result = bench.result_of(outcome);
    BOOST_TEST(result.exit_code() == code);
    BOOST_REQUIRE((result.output_files_size() == 1 && result.output_symlinks_size() == 1));
    BOOST_TEST(bench.get(result.output_files(0).digest()) == "x\n");
    BOOST_TEST(bench.get(tree_told(bench, result).children(0).files(0).digest()) == "y\n");
    BOOST_TEST(bench.get(result.stdout_digest()) == "said\n");
    BOOST_TEST(bench.get(result.stderr_digest()) == "why\n");
    BOOST_TEST(result.output_files(0).node_properties().unix_mode().value() == 0640U);
  }
}

BOOST_AUTO_TEST_CASE(lack_what_the_action_did_not_come_to) {
  worker_bench bench;
  auto result = bench.result_of(bench.run(asking({"mtime"}, "echo x > f; exit 2; mkdir d")));
  BOOST_TEST(result.exit_code() == 2);
  BOOST_TEST(result.output_files_size() == 1);
  BOOST_TEST(result.output_directories_size() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
