#include "core/base/descriptors.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <vector>

#include "core/base/disk.hpp"

namespace kiln::test {

BOOST_AUTO_TEST_SUITE(descriptors)

BOOST_AUTO_TEST_CASE(what_parts_expect_is_added_up_and_connections_are_thought_of) {
  auto before = descriptors_needed();
  BOOST_TEST(before >= 1024U);
  expect_descriptors(700);
  expect_descriptors(7);
  BOOST_TEST(descriptors_needed() == before + 707);
}

BOOST_AUTO_TEST_CASE(files_leave_the_last_descriptors_to_connections) {
  rlimit before{};
  BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit few{200, 200};
  rlimit back{before.rlim_cur, before.rlim_max};
  few.rlim_max = before.rlim_max;  // or there would be no way back
  BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  note_descriptor_limit();
  BOOST_TEST(descriptors_for_files() == 150U);

  std::vector<descriptor> held;
  auto folder = system_disk().open_folder("/");
  BOOST_REQUIRE(folder);
  int refused = 0;
  while (refused == 0 && held.size() < 300) {
    auto opened = system_disk().open(*folder, ".", O_RDONLY | O_DIRECTORY);
    if (opened)
      held.push_back(std::move(*opened));
    else
      refused = opened.error().number;
  }
  BOOST_TEST(refused == EMFILE);
  BOOST_TEST(held.back().number() < 150);
  // What is no file of ours still gets one.
  descriptor other(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  BOOST_TEST(other.number() >= 149);

  held.clear();
  BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &back) == 0);
  note_descriptor_limit();
  BOOST_TEST(system_disk().open(*folder, ".", O_RDONLY | O_DIRECTORY).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
