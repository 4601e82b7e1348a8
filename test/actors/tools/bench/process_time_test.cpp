#include "actors/tools/bench/process_time.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <ctime>

using namespace kiln;

BOOST_AUTO_TEST_SUITE(process_times)

// What a server starts and keeps, as the one that starts its commands, is part of what it costs.
BOOST_AUTO_TEST_CASE(a_child_that_lives_is_counted) {
  constexpr double spent = 0.2;  // many ticks, by which /proc counts
  int told[2], end[2];
  BOOST_REQUIRE((::pipe(told) == 0 && ::pipe(end) == 0));
  auto before = bench::cpu_seconds(::getpid());
  BOOST_REQUIRE(before);
  const pid_t child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    ::close(end[1]);
    while (static_cast<double>(std::clock()) / CLOCKS_PER_SEC < spent) continue;
    char word = 'x';
    ssize_t ignored = ::write(told[1], &word, 1);
    ignored = ::read(end[0], &word, 1);  // until the parent has looked, or is gone
    ::_exit(ignored < 0 ? 1 : 0);
  }
  ::close(told[1]);
  char word;
  BOOST_TEST(::read(told[0], &word, 1) == 1);
  auto after = bench::cpu_seconds(::getpid());
  ::close(end[1]);
  int status = 0;
  BOOST_TEST(::waitpid(child, &status, 0) == child);
  ::close(told[0]);
  ::close(end[0]);
  BOOST_REQUIRE(after);
  BOOST_TEST(*after - *before > spent / 2);
  BOOST_TEST(*bench::cpu_seconds(::getpid()) - *before > spent / 2);
}

BOOST_AUTO_TEST_CASE(of_a_process_that_is_gone_nothing_is_known) {
  const pid_t child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) ::_exit(0);
  int status = 0;
  BOOST_TEST(::waitpid(child, &status, 0) == child);
  BOOST_TEST(!bench::cpu_seconds(child));
}

BOOST_AUTO_TEST_SUITE_END()
