#include <boost/test/unit_test.hpp>

#include "test/actors/services/execution/execution_bench.hpp"

/// What is refused before it becomes an operation.
using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace execution_checks {

struct checks : execution_bench {
  std::string subject(const digest& blob) { return "blobs/" + blob.to_string(); }

  static void add_file(v2::Directory& to, const std::string& name, const digest& blob) {
    auto* file = to.add_files();
    file->set_name(name);
    *file->mutable_digest() = wire(blob);
  }
  static void add_directory(v2::Directory& to, const std::string& name, const digest& blob) {
    auto* directory = to.add_directories();
    directory->set_name(name);
    *directory->mutable_digest() = wire(blob);
  }
  static digest absent(const std::string& name) { return digest_of("never uploaded: " + name); }
  errc code_for(const v2::Command& command, const v2::Directory& root = {}) {
    return refusal(request(put_action(command, root))).code();
  }
};

using strings = std::vector<std::string>;

}  // namespace execution_checks

BOOST_FIXTURE_TEST_SUITE(execution_checks, checks)

BOOST_AUTO_TEST_CASE(a_missing_action_is_named) {
  auto fault = refusal(request(absent("action")));
  BOOST_TEST(fault.code() == errc::failed_precondition);
  BOOST_TEST(missing_in(fault) == strings{subject(absent("action"))}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_missing_command_and_all_missing_inputs_are_named_at_once) {
  auto here = put("a file that is there");
  v2::Directory below;
  add_file(below, "gone2", absent("file 2"));
  v2::Directory root;
  add_file(root, "gone", absent("file 1"));
  add_file(root, "here", here);
  add_directory(root, "below", put(below));
  add_directory(root, "lost", absent("directory"));
  v2::Action action;
  *action.mutable_command_digest() = wire(absent("command"));
  *action.mutable_input_root_digest() = wire(put(root));
  auto fault = refusal(request(put(action)));
  BOOST_TEST(fault.code() == errc::failed_precondition);
  auto named = missing_in(fault);
  std::sort(named.begin(), named.end());
  strings wanted{subject(absent("command")), subject(absent("file 1")), subject(absent("file 2")),
                 subject(absent("directory"))};
  std::sort(wanted.begin(), wanted.end());
  BOOST_TEST(named == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_missing_root_is_named_with_the_command) {
  v2::Action action;
  *action.mutable_command_digest() = wire(absent("command"));
  *action.mutable_input_root_digest() = wire(absent("root"));
  BOOST_TEST(missing_in(refusal(request(put(action)))).size() == 2u);
}

BOOST_AUTO_TEST_CASE(no_more_than_a_thousand_missing_blobs_are_named) {
  v2::Directory root;
  for (int i = 0; i < 1500; ++i) add_file(root, fmt::format("f{:04}", i), absent(std::to_string(i)));
  BOOST_TEST(missing_in(refusal(request(put_action(echo(), root)))).size() == 1000u);
}

BOOST_AUTO_TEST_CASE(an_input_that_was_evicted_since_the_last_time_is_missed) {
  auto input = put("an input");
  v2::Directory below;
  add_file(below, "input", input);
  auto below_digest = put(below);
  v2::Directory root;
  add_directory(root, "below", below_digest);
  auto action = request(put_action(echo(), root));
  auto first = execute(action);
  BOOST_TEST(heard(*first).size() == 1u);
  auto put_back = [&](const digest& gone) {
    if (gone == input)
      put("an input");
    else
      put(below);
  };
  for (const auto& gone : {input, below_digest}) {
    BOOST_TEST_REQUIRE(ask<forgotten>(blobs, forget_blob{gone}).has_value());
    auto fault = refusal(action);
    BOOST_TEST(fault.code() == errc::failed_precondition);
    BOOST_TEST(missing_in(fault) == strings{subject(gone)}, boost::test_tools::per_element());
    put_back(gone);
  }
}

BOOST_AUTO_TEST_CASE(a_tree_that_refers_to_one_directory_many_times_is_walked_once) {
  auto leaf = put("leaf");
  v2::Directory level;
  add_file(level, "leaf", leaf);
  auto digest = put(level);
  // Unfolded, these are two to the sixtieth directories.
  for (int i = 0; i < 60; ++i) {
    v2::Directory above;
    add_directory(above, "left", digest);
    add_directory(above, "right", digest);
    level = above;
    digest = put(above);
  }
  auto call = execute(request(put_action(echo(), level)));
  BOOST_TEST(heard(*call).size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_directory_that_is_not_canonical_is_refused) {
  auto file = put("content");
  v2::Directory unsorted;
  add_file(unsorted, "b", file);
  add_file(unsorted, "a", file);
  BOOST_TEST(code_for(echo(), unsorted) == errc::invalid_argument);
  for (const auto& name : {"..", ".", "a/b", "", "a\\0"}) {
    v2::Directory root;
    add_file(root, name == std::string("a\\0") ? std::string("a\0", 2) : name, file);
    BOOST_TEST(code_for(echo(), root) == errc::invalid_argument);
  }
}

BOOST_AUTO_TEST_CASE(a_blob_that_is_no_action_command_or_directory_is_refused) {
  auto garbage = put("\x07\xff this is no message");
  BOOST_TEST(refusal(request(garbage)).code() == errc::invalid_argument);
  v2::Action action;
  *action.mutable_command_digest() = wire(garbage);
  *action.mutable_input_root_digest() = wire(digest_of(""));
  BOOST_TEST(refusal(request(put(action))).code() == errc::invalid_argument);
  *action.mutable_command_digest() = wire(put(echo()));
  *action.mutable_input_root_digest() = wire(garbage);
  BOOST_TEST(refusal(request(put(action))).code() == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(digests_that_are_none_are_refused) {
  for (const auto* hash : {"", "abc", "ABCDEF", "../../etc/passwd"}) {
    v2::ExecuteRequest bad = request(digest_of("x"));
    bad.mutable_action_digest()->set_hash(hash);
    BOOST_TEST(refusal(bad).code() == errc::invalid_argument);
  }
  auto negative = request(digest_of("x"));
  negative.mutable_action_digest()->set_size_bytes(-1);
  BOOST_TEST(refusal(negative).code() == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(an_action_does_not_mix_digest_functions) {
  v2::Action action;
  *action.mutable_command_digest() = wire(put(echo()));
  action.mutable_input_root_digest()->set_hash(std::string(40, 'a'));
  BOOST_TEST(refusal(request(put(action))).code() == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_timeout_beyond_the_longest_is_refused_and_not_cut) {
  v2::Action action;
  action.mutable_timeout()->set_seconds(24 * 3600);
  auto at_limit = execute(request(put_action(echo(), {}, action)));
  BOOST_TEST(heard(*at_limit).size() == 1u);
  action.mutable_timeout()->set_seconds(24 * 3600 + 1);
  BOOST_TEST(refusal(request(put_action(echo(), {}, action))).code() == errc::invalid_argument);
  action.mutable_timeout()->set_seconds(-1);
  BOOST_TEST(refusal(request(put_action(echo(), {}, action))).code() == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(the_working_directory_is_in_the_input_tree) {
  auto file = put("content");
  v2::Directory inner;
  add_file(inner, "file", file);
  v2::Directory outer;
  add_directory(outer, "inner", put(inner));
  v2::Directory root;
  add_directory(root, "outer", put(outer));
  auto command = echo();
  for (const auto* bad : {"/outer", "outer/", "outer/../../outer", "outer//inner", "other", "outer/file",
                          "outer/inner/file", "outer/inner/deeper"}) {
    command.set_working_directory(bad);
    BOOST_TEST(code_for(command, root) == errc::invalid_argument, bad);
  }
  for (const auto* good : {"outer", "outer/inner", ".", "./outer", "outer/inner/..", "other/../outer"}) {
    command.set_working_directory(good);
    auto call = execute(request(put_action(command, root)));
    BOOST_TEST(heard(*call).size() == 1u, good);
  }
}

BOOST_AUTO_TEST_CASE(output_paths_stay_inside) {
  for (const auto* bad : {"/out", "out/", "../out", "a/../../out", "a//b"}) {
    v2::Command command;
    command.add_arguments("echo");
    command.add_output_paths(bad);
    BOOST_TEST(code_for(command) == errc::invalid_argument, bad);
    command.clear_output_paths();
    command.add_output_files(bad);
    BOOST_TEST(code_for(command) == errc::invalid_argument, bad);
    command.clear_output_files();
    command.add_output_directories(bad);
    BOOST_TEST(code_for(command) == errc::invalid_argument, bad);
  }
}

BOOST_AUTO_TEST_CASE(output_paths_may_have_dots_as_long_as_they_stay_inside) {
  v2::Directory root;
  add_directory(root, "work", put(v2::Directory()));
  for (const auto* good : {"./out", "a/../out", "../out", "."}) {
    auto command = echo();
    command.set_working_directory("work");
    command.add_output_paths(good);
    auto call = execute(request(put_action(command, root)));
    BOOST_TEST(heard(*call).size() == 1u, good);
  }
  auto command = echo();
  command.set_working_directory("work");
  command.add_output_paths("../../out");
  BOOST_TEST(code_for(command, root) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(the_older_output_fields_do_not_count_beside_the_newer) {
  auto command = echo();
  command.add_output_files("/ignored");
  BOOST_TEST(heard(*execute(request(put_action(command)))).size() == 1u);
}

BOOST_AUTO_TEST_CASE(the_whole_working_directory_may_be_an_output_directory) {
  v2::Command command;
  command.add_arguments("echo");
  command.add_output_directories("");
  BOOST_TEST(heard(*execute(request(put_action(command)))).size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_command_without_arguments_or_with_an_unknown_node_property_is_refused) {
  BOOST_TEST(code_for(v2::Command()) == errc::invalid_argument);
  auto command = echo();
  command.add_output_node_properties("colour");
  BOOST_TEST(code_for(command) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(node_properties_that_are_known_are_executed) {
  auto command = echo();
  command.add_output_node_properties("mtime");
  command.add_output_node_properties("unix_mode");
  BOOST_TEST(heard(*execute(request(put_action(command)))).size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_instance_named_like_a_keyword_is_refused) {
  auto bad = request(digest_of("x"));
  bad.set_instance_name("a/blobs/b");
  BOOST_TEST(refusal(bad).code() == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_platform_amount_that_is_no_number_is_refused_by_the_scheduler) {
  v2::Action action;
  auto* property = action.mutable_platform()->add_properties();
  property->set_name("cpu");
  property->set_value("many");
  BOOST_TEST(refusal(request(put_action(echo(), {}, action))).code() == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(actions_under_blake3_are_executed_like_others) {
  auto function = digest_function::blake3;
  auto command = put(std::string(serialise(echo()).view()), function);
  v2::Action action;
  *action.mutable_command_digest() = wire(command);
  *action.mutable_input_root_digest() = wire(digest_of("", function));
  auto what = request(put(std::string(serialise(action).view()), function));
  what.set_digest_function(v2::DigestFunction::BLAKE3);
  auto call = execute(what);
  BOOST_TEST_REQUIRE(heard(*call).size() == 1u);
  BOOST_TEST(metadata(heard(*call)[0]).digest_function() == v2::DigestFunction::BLAKE3);
}

BOOST_AUTO_TEST_SUITE_END()
