#include "test/core/evicting_cache_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(evicting_cache_, cache_fixture)

BOOST_AUTO_TEST_CASE(an_idle_entry_is_gone_when_asked_for_and_its_neighbours_stay_until_swept) {
  auto cache = make({.max_idle = 10s});
  put(cache, "a", 1);
  put(cache, "b", 1);
  time.advance(10s);
  BOOST_TEST(!cache.contains("b"));
  BOOST_TEST(!cache.find("b"));
  check_gone({"b=0 idle"});
  BOOST_TEST(cache.expire(100) == 1U);
  check_gone({"a=0 idle"});
}

BOOST_AUTO_TEST_CASE(a_use_starts_the_idle_time_anew_and_a_peek_does_not) {
  auto cache = make({.max_idle = 10s});
  put(cache, "a", 1);
  put(cache, "b", 1);
  time.advance(6s);
  BOOST_TEST(cache.find("a"));
  BOOST_TEST(cache.peek("b"));
  time.advance(6s);
  BOOST_TEST(cache.contains("a"));
  BOOST_TEST(!cache.contains("b"));
}

BOOST_AUTO_TEST_CASE(a_sweep_is_bounded) {
  auto cache = make({.max_idle = 10s});
  for (int i = 0; i < 5; ++i) put(cache, std::to_string(i), 1);
  time.advance(10s);
  BOOST_TEST(cache.expire(2) == 2U);
  BOOST_TEST(cache.size() == 3U);
}

BOOST_AUTO_TEST_CASE(inserting_clears_away_the_idle_first) {
  auto cache = make({.max_idle = 10s});
  put(cache, "a", 1);
  time.advance(10s);
  put(cache, "b", 1);
  check_gone({"a=0 idle"});
}

BOOST_AUTO_TEST_CASE(a_leased_entry_does_not_idle_and_starts_anew_when_released) {
  auto cache = make({.max_idle = 10s});
  put(cache, "a", 1);
  cache.lease("a");
  time.advance(60s);
  BOOST_TEST(cache.expire(100) == 0U);
  BOOST_TEST(cache.contains("a"));
  BOOST_TEST(cache.release("a"));
  BOOST_TEST(cache.contains("a"));
  time.advance(10s);
  BOOST_TEST(!cache.find("a"));
}

BOOST_AUTO_TEST_CASE(a_lease_does_not_bring_an_idle_entry_back) {
  auto cache = make({.max_idle = 10s});
  put(cache, "a", 1);
  time.advance(10s);
  cache.lease("a");
  check_gone({"a=0 idle"});
  BOOST_TEST(!cache.contains("a"));
}

BOOST_AUTO_TEST_SUITE_END()
