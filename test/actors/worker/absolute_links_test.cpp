#include "actors/worker/outputs/absolute_links.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

// Outputs that are symbolic links to absolute paths, as absolute_output_symlinks has them.
namespace kiln::test {

BOOST_AUTO_TEST_SUITE(absolute_links)

namespace {

std::string target_from(std::string_view path, std::string_view target, std::string_view root = "/build") {
  return relative_target(root, path, target).value_or("outside");
}

v2::Command linking(const std::string& script) {
  auto command = worker_bench::shell(script);
  command.add_output_paths("out");
  return command;
}

void resolve(worker_options& options) {
  options.absolute_output_symlinks = absolute_output::resolve;
  options.absolute_symlinks = false;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_target_in_the_root_is_told_from_the_links_own_folder) {
  BOOST_TEST(target_from("l", "/build/f") == "f");
  BOOST_TEST(target_from("a/b/l", "/build/f") == "../../f");
  BOOST_TEST(target_from("a/b/l", "/build/a/c/f") == "../c/f");
  BOOST_TEST(target_from("a/b/l", "/build/a/b/f") == "f");
  BOOST_TEST(target_from("a/b/l", "/build/a/b") == ".");
  BOOST_TEST(target_from("a/b/l", "/build/a") == "..");
  BOOST_TEST(target_from("l", "/build") == ".");
  BOOST_TEST(target_from("l", "//build/./a//f/") == "a/f");
}

BOOST_AUTO_TEST_CASE(dots_stay_where_a_link_may_stand_before_them) {
  BOOST_TEST(target_from("l", "/build/a/../f") == "a/../f");
  BOOST_TEST(target_from("a/l", "/build/a/../f") == "../f");
  BOOST_TEST(target_from("a/l", "/build/a/b/../../f") == "b/../../f");
}

BOOST_AUTO_TEST_CASE(a_target_elsewhere_is_none) {
  for (const char* target :
       {"/", "/etc/passwd", "/builder/f", "/build/../etc/passwd", "/build/a/../../build/f"})
    BOOST_TEST(target_from("l", target) == "outside", target);
  BOOST_TEST(target_from("l", "/build/f", "") == "outside");
}

BOOST_AUTO_TEST_CASE(links_into_the_input_root_become_relative_whatever_is_below_the_action) {
  for (auto level : {sandbox_level::folder, sandbox_level::automatic}) {
    worker_bench bench(nullptr, false);
    resolve(bench.options);
    bench.options.sandbox.level = level;
    bench.hire();
    auto command = linking(
        "root=$PWD; echo x > real; mkdir -p d/sub; ln -s $root/real out; ln -s $root/d/sub d/l; ln -s "
        "$root/real d/sub/l");
    command.add_output_paths("d");
    auto outcome = bench.run(command);
    BOOST_TEST(outcome.status.to_string() == "OK: ");
    auto result = bench.result_of(outcome);
    BOOST_REQUIRE((result.output_symlinks_size() == 1 && result.output_directories_size() == 1));
    BOOST_TEST(result.output_symlinks(0).target() == "real");
    v2::Tree tree;
    BOOST_REQUIRE(tree.ParseFromString(bench.get(result.output_directories(0).tree_digest())));
    BOOST_TEST(tree.root().symlinks(0).target() == "sub");
    BOOST_TEST(tree.children(0).symlinks(0).target() == "../../real");
  }
}

BOOST_AUTO_TEST_CASE(s9_a_link_that_leads_out_is_named_and_never_read) {
  worker_bench bench(resolve);
  for (const char* target : {"/etc/hostname", "/nowhere/at/all", "$PWD/../stdout", "$PWD-beside"}) {
    auto outcome = bench.run(linking(std::string("ln -s ") + target + " out"));
    BOOST_TEST(outcome.status.code() == errc::failed_precondition, target);
    BOOST_TEST(outcome.status.message().find("link \"out\" leads to") != std::string::npos,
               outcome.status.to_string());
    BOOST_TEST((outcome.fault == fault_owner::action));
  }
}

BOOST_AUTO_TEST_CASE(relative_links_are_told_as_they_are_whatever_is_done_to_absolute_ones) {
  for (auto what : {absolute_output::keep, absolute_output::resolve, absolute_output::refuse}) {
    worker_bench bench(nullptr, false);
    bench.options.absolute_output_symlinks = what;
    bench.hire();
    auto result = bench.result_of(bench.run(linking("ln -s ../a/./b out")));
    BOOST_REQUIRE(result.output_symlinks_size() == 1);
    BOOST_TEST(result.output_symlinks(0).target() == "../a/./b");
  }
}

BOOST_AUTO_TEST_CASE(outputs_may_be_refused_what_inputs_are_allowed) {
  worker_bench bench(
      [](worker_options& options) { options.absolute_output_symlinks = absolute_output::refuse; });
  v2::Directory root;
  auto* link = root.add_symlinks();
  link->set_name("in");
  link->set_target("/etc/hostname");
  BOOST_TEST(bench.out_of(bench.run(bench.shell("readlink in"), root)) == "/etc/hostname\n");
  BOOST_TEST(bench.run(linking("ln -s $PWD/f out")).status.code() == errc::failed_precondition);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
