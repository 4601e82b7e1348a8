#include <boost/test/unit_test.hpp>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/merkle/directory.hpp"
#include "core/merkle/paths.hpp"

using namespace kiln;
namespace v2 = build::bazel::remote::execution::v2;

BOOST_AUTO_TEST_SUITE(merkle_directory)

namespace {

v2::Directory with_files(std::initializer_list<std::string> names) {
  v2::Directory directory;
  for (const auto& name : names) directory.add_files()->set_name(name);
  return directory;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_sorted_directory_is_canonical) {
  auto directory = with_files({"B", "a", "a.c", "b"});
  directory.add_directories()->set_name("0");
  auto* link = directory.add_symlinks();
  link->set_name("link");
  link->set_target("../elsewhere");
  BOOST_TEST(validate_directory(directory).has_value());
  BOOST_TEST(validate_directory({}).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_not_canonical_is_refused) {
  BOOST_TEST(!validate_directory(with_files({"b", "a"})).has_value());
  BOOST_TEST(!validate_directory(with_files({"a", "a"})).has_value());
  auto twice = with_files({"a"});
  twice.add_directories()->set_name("a");
  BOOST_TEST(!validate_directory(twice).has_value());
  v2::Directory nowhere;
  nowhere.add_symlinks()->set_name("link");
  BOOST_TEST(!validate_directory(nowhere).has_value());
}

BOOST_AUTO_TEST_CASE(names_that_no_file_can_have_are_refused) {
  for (const std::string& name :
       std::vector<std::string>{std::string(), std::string("."), std::string(".."), std::string("a/b"),
                                std::string("/"), std::string("a\0b", 3), std::string(256, 'n')})
    BOOST_TEST(!validate_directory(with_files({name})).has_value());
  BOOST_TEST(validate_directory(with_files({std::string(255, 'n')})).has_value());
}

BOOST_AUTO_TEST_CASE(a_relative_path_stays_below_its_root) {
  for (std::string_view good : {"a", "a/b", "a/.b/..c"}) BOOST_TEST(check_relative_path(good).has_value());
  for (std::string_view bad : {"", "/", "/a", "a/", "a//b", "..", "a/../b", "./a"})
    BOOST_TEST(!check_relative_path(bad).has_value());
}

BOOST_AUTO_TEST_CASE(a_path_with_dots_is_resolved_inside_its_root) {
  auto meant = [](std::string_view folder, std::string_view path) {
    auto found = resolve_path(folder, path);
    return found ? *found : "refused";
  };
  BOOST_TEST(meant("", "") == "");
  BOOST_TEST(meant("w", "") == "w");
  BOOST_TEST(meant("w", ".") == "w");
  BOOST_TEST(meant("w", "./a/./b") == "w/a/b");
  BOOST_TEST(meant("w/v", "../a") == "w/a");
  BOOST_TEST(meant("w", "..") == "");
  BOOST_TEST(meant("w", "../a/..b") == "a/..b");
  for (std::string_view bad : {"/", "/a", "a/", "a//b", "../..", "a/../../..", "./", "a/./"})
    BOOST_TEST(meant("w", bad) == "refused", bad);
  BOOST_TEST(meant("", std::string_view("a\0b", 3)) == "refused");
}

BOOST_AUTO_TEST_SUITE_END()
