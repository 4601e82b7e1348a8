#include "actors/worker/command/command_plan.hpp"

#include <boost/test/unit_test.hpp>

#include "actors/worker/worker_options.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "test/harness/print.hpp"

namespace kiln::test {
BOOST_AUTO_TEST_SUITE(command_planning)

namespace {

namespace v2 = build::bazel::remote::execution::v2;
using namespace std::chrono_literals;

v2::Command command(std::vector<std::string> arguments) {
  v2::Command made;
  for (auto& argument : arguments) made.add_arguments(std::move(argument));
  return made;
}

void set(v2::Command& in, const std::string& name, const std::string& value) {
  auto* variable = in.add_environment_variables();
  variable->set_name(name);
  variable->set_value(value);
}

expected<command_plan> plan(const v2::Command& command, duration timeout = {}) {
  worker_options options;
  options.default_path = "/usr/bin:/bin";
  options.max_timeout = 1h;
  return plan_command(command, timeout, options);
}

errc code_of(const expected<command_plan>& planned) {
  return planned ? errc::ok : planned.error().code();
}

using texts = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_CASE(rule_188_a_name_without_slash_is_searched_in_the_path_given) {
  auto asked = command({"cc", "-c"});
  set(asked, "PATH", "/opt/bin:tools::/bin");
  auto planned = plan(asked);
  BOOST_REQUIRE(planned);
  BOOST_TEST(planned->paths == (texts{"/opt/bin/cc", "tools/cc", "cc", "/bin/cc"}),
             boost::test_tools::per_element());
  BOOST_TEST(planned->arguments == (texts{"cc", "-c"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(rule_188_a_name_with_slash_is_taken_as_it_is) {
  auto planned = plan(command({"tools/cc"}));
  BOOST_REQUIRE(planned);
  BOOST_TEST(planned->paths == texts{"tools/cc"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(rule_189_a_working_directory_that_leads_out_is_refused) {
  for (const char* bad : {"..", "/tmp", "a/../..", "a/", "./..", "a//b"}) {
    auto asked = command({"true"});
    asked.set_working_directory(bad);
    BOOST_TEST(code_of(plan(asked)) == errc::invalid_argument, bad);
  }
}

BOOST_AUTO_TEST_CASE(rule_190_without_a_path_the_default_is_added_and_nothing_else) {
  auto asked = command({"true"});
  set(asked, "LANG", "C");
  auto planned = plan(asked);
  BOOST_REQUIRE(planned);
  BOOST_TEST(planned->environment == (texts{"LANG=C", "PATH=/usr/bin:/bin"}),
             boost::test_tools::per_element());
  BOOST_TEST(planned->paths == (texts{"/usr/bin/true", "/bin/true"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_empty_path_that_was_given_stays_empty) {
  auto asked = command({"true"});
  set(asked, "PATH", "");
  auto planned = plan(asked);
  BOOST_REQUIRE(planned);
  BOOST_TEST(planned->environment == texts{"PATH="}, boost::test_tools::per_element());
  BOOST_TEST(planned->paths == texts{"true"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(environment_variables_must_be_nameable_and_single) {
  for (auto [first, second] : {std::pair<const char*, const char*>{"", "A"}, {"A=B", "C"}, {"A", "A"}}) {
    auto asked = command({"true"});
    set(asked, first, "1");
    set(asked, second, "2");
    BOOST_TEST(code_of(plan(asked)) == errc::invalid_argument, first);
  }
}

BOOST_AUTO_TEST_CASE(a_command_must_name_something_to_run) {
  BOOST_TEST(code_of(plan(command({}))) == errc::invalid_argument);
  BOOST_TEST(code_of(plan(command({""}))) == errc::invalid_argument);
  BOOST_TEST(code_of(plan(command({"true", std::string("a\0b", 3)}))) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(rule_193_output_paths_win_over_the_old_fields) {
  auto asked = command({"true"});
  asked.add_output_paths("new");
  asked.add_output_files("file");
  asked.add_output_directories("folder");
  auto planned = plan(asked);
  BOOST_REQUIRE(planned);
  BOOST_REQUIRE(planned->outputs.size() == 1U);
  BOOST_TEST(planned->outputs[0].path == "new");
  BOOST_TEST(!planned->old_outputs);
}

BOOST_AUTO_TEST_CASE(dots_in_a_working_directory_are_resolved) {
  for (auto [said, meant] : {std::pair<const char*, const char*>{".", ""},
                             {"./", nullptr},
                             {"./a", "a"},
                             {"a/./b/../c", "a/c"},
                             {"a/..", ""}}) {
    auto asked = command({"true"});
    asked.set_working_directory(said);
    auto planned = plan(asked);
    BOOST_TEST(planned.has_value() == (meant != nullptr), said);
    if (planned && meant != nullptr) BOOST_TEST(planned->working_directory == meant);
  }
}

BOOST_AUTO_TEST_CASE(rules_196_and_197_output_paths_stay_inside_the_input_root) {
  for (const char* bad : {"/a", "a/", "..", "a/../../b", "a//b", "./../b"}) {
    auto by_path = command({"true"});
    by_path.add_output_paths(bad);
    BOOST_TEST(code_of(plan(by_path)) == errc::invalid_argument, bad);
    auto by_file = command({"true"});
    by_file.add_output_files(bad);
    BOOST_TEST(code_of(plan(by_file)) == errc::invalid_argument, bad);
  }
}

BOOST_AUTO_TEST_CASE(dots_in_output_paths_are_resolved_and_the_client_gets_its_own_words_back) {
  auto asked = command({"true"});
  asked.set_working_directory("work");
  for (const char* path : {"./x", "a/../y", "../beside/z", ".."}) asked.add_output_paths(path);
  auto planned = plan(asked);
  BOOST_REQUIRE(planned);
  texts said, meant;
  for (const auto& output : planned->outputs) {
    said.push_back(output.path);
    meant.push_back(output.where);
  }
  BOOST_TEST(said == (texts{"./x", "a/../y", "../beside/z", ".."}), boost::test_tools::per_element());
  BOOST_TEST(meant == (texts{"work/x", "work/y", "beside/z", ""}), boost::test_tools::per_element());
  asked.set_output_paths(3, "../..");
  BOOST_TEST(code_of(plan(asked)) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(rule_200_only_a_folder_may_be_named_by_nothing) {
  auto folder = command({"true"});
  folder.add_output_directories("");
  BOOST_TEST(code_of(plan(folder)) == errc::ok);
  for (const char* here : {"", ".", "a/.."}) {
    auto file = command({"true"});
    file.add_output_files(here);
    BOOST_TEST(code_of(plan(file)) == errc::invalid_argument, here);
  }
}

BOOST_AUTO_TEST_CASE(rule_201_known_node_properties_are_taken_in_any_order_and_once) {
  auto asked = command({"true"});
  BOOST_TEST(!plan(asked)->properties.any());
  for (const char* name : {"unix_mode", "mtime", "unix_mode"}) asked.add_output_node_properties(name);
  auto planned = plan(asked);
  BOOST_REQUIRE(planned);
  BOOST_TEST(planned->properties.mtime);
  BOOST_TEST(planned->properties.unix_mode);
}

BOOST_AUTO_TEST_CASE(rule_201_an_unknown_node_property_is_refused_and_the_known_ones_are_named) {
  for (const char* name : {"", "MTime", "sha256", "mtime "}) {
    auto asked = command({"true"});
    asked.add_output_node_properties("mtime");
    asked.add_output_node_properties(name);
    auto planned = plan(asked);
    BOOST_TEST(code_of(planned) == errc::invalid_argument, name);
    BOOST_TEST(planned.error().message().find("mtime and unix_mode") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(rule_202_an_unknown_format_of_folders_means_trees) {
  auto asked = command({"true"});
  asked.set_output_directory_format(static_cast<v2::Command::OutputDirectoryFormat>(77));
  auto planned = plan(asked);
  BOOST_REQUIRE(planned);
  BOOST_TEST((planned->format == folder_format::tree));
}

BOOST_AUTO_TEST_CASE(rules_172_and_173_timeouts_are_bounded_and_have_a_default) {
  BOOST_TEST(code_of(plan(command({"true"}), 2h)) == errc::invalid_argument);
  BOOST_TEST((plan(command({"true"}), 1h)->timeout == 1h));
  BOOST_TEST((plan(command({"true"}))->timeout == 1h));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
