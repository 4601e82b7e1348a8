#include "test/core/evicting_cache_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_FIXTURE_TEST_SUITE(evicting_cache_, cache_fixture)

BOOST_AUTO_TEST_CASE(a_pinned_key_survives_pressure_until_unpinned) {
  auto cache = make({.max_weight = 20});
  put(cache, "a", 10);
  cache.pin("a");
  put(cache, "b", 10);
  put(cache, "c", 10);
  check_gone({"b=0 capacity"});
  BOOST_TEST(cache.pinned_weight() == 10U);
  BOOST_TEST(cache.unpin("a"));
  BOOST_TEST(cache.pinned_weight() == 0U);
  BOOST_TEST(cache.shed(10) == 10U);
  BOOST_TEST(cache.shed(10) == 10U);
  check_gone({"c=0 capacity", "a=0 capacity"});
}

BOOST_AUTO_TEST_CASE(a_pin_may_come_before_the_entry) {
  auto cache = make({.max_weight = 10});
  cache.pin("a");
  BOOST_TEST(cache.pinned("a"));
  BOOST_TEST(!cache.contains("a"));
  put(cache, "a", 10);
  put(cache, "b", 10);
  check_gone({});
  BOOST_TEST(cache.contains("a"));
}

BOOST_AUTO_TEST_CASE(when_all_is_pinned_the_newcomer_is_admitted_all_the_same) {
  auto cache = make({.max_weight = 20});
  for (auto key : {"a", "b", "c"}) {
    cache.pin(key);
    put(cache, key, 10);
  }
  put(cache, "d", 10);
  check_gone({});
  BOOST_TEST(cache.weight() == 40U);
  put(cache, "e", 10);
  check_gone({"d=0 capacity"});
}

BOOST_AUTO_TEST_CASE(the_last_unpin_brings_the_cache_back_into_its_bounds) {
  auto cache = make({.max_weight = 20, .shelter_percent = 0});
  for (auto key : {"a", "b", "c"}) {
    cache.pin(key);
    put(cache, key, 10);
  }
  BOOST_TEST(cache.unpin("b"));
  check_gone({"b=0 capacity"});
  BOOST_TEST(cache.weight() == 20U);
}

BOOST_AUTO_TEST_CASE(pins_are_counted) {
  auto cache = make({.max_weight = 10});
  put(cache, "a", 10);
  cache.pin("a");
  cache.pin("a");
  BOOST_TEST(cache.unpin("a"));
  BOOST_TEST(cache.shed(1) == 0U);
  BOOST_TEST(cache.unpin("a"));
  BOOST_TEST(!cache.unpin("a"));
  BOOST_TEST(cache.shed(1) == 10U);
}

BOOST_AUTO_TEST_CASE(an_unpinned_key_is_the_one_used_last) {
  auto cache = make({.max_weight = 30});
  put(cache, "a", 10);
  cache.pin("a");
  put(cache, "b", 10);
  put(cache, "c", 10);
  BOOST_TEST(order(cache) == "bca");
  BOOST_TEST(cache.find("b"));
  cache.unpin("a");
  BOOST_TEST(order(cache) == "cba");
}

BOOST_AUTO_TEST_CASE(erasing_or_replacing_a_pinned_key_keeps_its_pins) {
  auto cache = make({.max_weight = 10});
  put(cache, "a", 10, 1);
  cache.pin("a");
  put(cache, "a", 5, 2);
  BOOST_TEST(cache.pinned_weight() == 5U);
  BOOST_TEST(cache.erase("a"));
  BOOST_TEST(cache.pinned_weight() == 0U);
  check_gone({"a=1 replaced", "a=2 erased"});
  put(cache, "a", 10, 3);
  put(cache, "b", 10);
  check_gone({});
  BOOST_TEST(cache.unpin("a"));
  BOOST_TEST(cache.weight() <= 10U);
}

BOOST_AUTO_TEST_CASE(shedding_stops_at_what_is_pinned) {
  auto cache = make({.max_weight = 100});
  put(cache, "a", 10);
  put(cache, "b", 10);
  cache.pin("a");
  BOOST_TEST(cache.shed(1) == 10U);
  check_gone({"b=0 capacity"});
  BOOST_TEST(cache.shed(1) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
