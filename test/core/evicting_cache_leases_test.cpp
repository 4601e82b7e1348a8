#include "test/core/evicting_cache_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_FIXTURE_TEST_SUITE(evicting_cache_, cache_fixture)

BOOST_AUTO_TEST_CASE(a_leased_key_survives_pressure_until_it_is_released) {
  auto cache = make({.max_weight = 20});
  put(cache, "a", 10);
  cache.lease("a");
  put(cache, "b", 10);
  put(cache, "c", 10);
  check_gone({"b=0 capacity"});
  BOOST_TEST(cache.held_weight() == 10U);
  BOOST_TEST(cache.release("a"));
  BOOST_TEST(cache.held_weight() == 0U);
  BOOST_TEST(cache.shed(10) == 10U);
  BOOST_TEST(cache.shed(10) == 10U);
  check_gone({"c=0 capacity", "a=0 capacity"});
}

BOOST_AUTO_TEST_CASE(a_lease_may_come_before_the_entry) {
  auto cache = make({.max_weight = 10});
  cache.lease("a");
  BOOST_TEST(cache.held("a"));
  BOOST_TEST(!cache.contains("a"));
  put(cache, "a", 10);
  put(cache, "b", 10);
  check_gone({});
  BOOST_TEST(cache.contains("a"));
}

BOOST_AUTO_TEST_CASE(when_all_is_leased_the_newcomer_is_admitted_all_the_same) {
  auto cache = make({.max_weight = 20});
  for (auto key : {"a", "b", "c"}) {
    cache.lease(key);
    put(cache, key, 10);
  }
  put(cache, "d", 10);
  check_gone({});
  BOOST_TEST(cache.weight() == 40U);
  put(cache, "e", 10);
  check_gone({"d=0 capacity"});
}

BOOST_AUTO_TEST_CASE(the_last_release_brings_the_cache_back_into_its_bounds) {
  auto cache = make({.max_weight = 20, .policy = eviction_policy::lru});
  for (auto key : {"a", "b", "c"}) {
    cache.lease(key);
    put(cache, key, 10);
  }
  BOOST_TEST(cache.release("b"));
  check_gone({"b=0 capacity"});
  BOOST_TEST(cache.weight() == 20U);
}

BOOST_AUTO_TEST_CASE(leases_are_counted) {
  auto cache = make({.max_weight = 10});
  put(cache, "a", 10);
  cache.lease("a");
  cache.lease("a");
  BOOST_TEST(cache.release("a"));
  BOOST_TEST(cache.shed(1) == 0U);
  BOOST_TEST(cache.release("a"));
  BOOST_TEST(!cache.release("a"));
  BOOST_TEST(cache.shed(1) == 10U);
}

BOOST_AUTO_TEST_CASE(a_released_key_is_the_one_used_last) {
  auto cache = make({.max_weight = 30, .policy = eviction_policy::lru});
  put(cache, "a", 10);
  cache.lease("a");
  put(cache, "b", 10);
  put(cache, "c", 10);
  BOOST_TEST(order(cache) == "bca");
  BOOST_TEST(cache.find("b"));
  cache.release("a");
  BOOST_TEST(order(cache) == "cba");
}

BOOST_AUTO_TEST_CASE(erasing_or_replacing_a_leased_key_keeps_its_leases) {
  auto cache = make({.max_weight = 10});
  put(cache, "a", 10, 1);
  cache.lease("a");
  put(cache, "a", 5, 2);
  BOOST_TEST(cache.held_weight() == 5U);
  BOOST_TEST(cache.erase("a"));
  BOOST_TEST(cache.held_weight() == 0U);
  check_gone({"a=1 replaced", "a=2 erased"});
  put(cache, "a", 10, 3);
  put(cache, "b", 10);
  check_gone({});
  BOOST_TEST(cache.release("a"));
  BOOST_TEST(cache.weight() <= 10U);
}

BOOST_AUTO_TEST_CASE(shedding_stops_at_what_is_held) {
  auto cache = make({.max_weight = 100});
  put(cache, "a", 10);
  put(cache, "b", 10);
  cache.lease("a");
  BOOST_TEST(cache.shed(1) == 10U);
  check_gone({"b=0 capacity"});
  BOOST_TEST(cache.shed(1) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
