#include "actors/system/token_file.hpp"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "test/harness/temporary_folder.hpp"

using namespace kiln;
using namespace kiln::test;

namespace token_files {

struct with_folder {
  std::string write(const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  temporary_folder folder;
  std::string path = (folder.path() / "made/for/it/token").string();
};

}  // namespace token_files

BOOST_FIXTURE_TEST_SUITE(token_files, with_folder)

BOOST_AUTO_TEST_CASE(a_scheduler_makes_the_file_once_and_only_its_owner_reads_it) {
  auto first = read_or_make_token(path);
  BOOST_TEST_REQUIRE(first.has_value(), (first ? "" : first.error().message()));
  BOOST_TEST(first->made);
  BOOST_TEST(!first->exposed);
  struct stat about {};
  BOOST_TEST_REQUIRE(::stat(path.c_str(), &about) == 0);
  BOOST_TEST((about.st_mode & 0777) == 0600);
  auto second = read_or_make_token(path);
  BOOST_TEST_REQUIRE(second.has_value());
  BOOST_TEST(!second->made);
  BOOST_TEST(second->token.header() == first->token.header());
  BOOST_TEST(read_token(path).value().token.header() == first->token.header());
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(path).parent_path()))
    BOOST_TEST(entry.path().string() == path);
}

BOOST_AUTO_TEST_CASE(two_schedulers_draw_two_tokens) {
  auto other = (folder.path() / "other").string();
  BOOST_TEST(read_or_make_token(path).value().token.header() !=
             read_or_make_token(other).value().token.header());
}

BOOST_AUTO_TEST_CASE(a_worker_makes_none_and_names_what_it_misses) {
  auto missing = read_token(path);
  BOOST_TEST_REQUIRE(!missing.has_value());
  BOOST_TEST((missing.error().code() == errc::not_found));
  BOOST_TEST(missing.error().message().find(path) != std::string::npos, missing.error().message());
  BOOST_TEST(!std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(a_file_that_others_may_read_is_noticed) {
  path = (folder.path() / "token").string();
  write("0123456789abcdef\n");
  ::chmod(path.c_str(), 0640);
  BOOST_TEST(read_or_make_token(path).value().exposed);
  BOOST_TEST(read_token(path).value().exposed);
  ::chmod(path.c_str(), 0600);
  BOOST_TEST(!read_token(path).value().exposed);
}

BOOST_AUTO_TEST_CASE(a_bad_token_is_refused_by_its_file_and_not_repeated) {
  path = (folder.path() / "token").string();
  for (const auto& text : {std::string("secret"), std::string(), std::string(100'000, 'x')}) {
    write(text);
    auto bad = read_or_make_token(path);
    BOOST_TEST_REQUIRE(!bad.has_value());
    BOOST_TEST(bad.error().message().find(path) != std::string::npos);
    BOOST_TEST(bad.error().message().find("secret") == std::string::npos, bad.error().message());
  }
  BOOST_TEST(!read_token(folder.path().string()).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
