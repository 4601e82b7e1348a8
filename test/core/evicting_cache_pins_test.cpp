#include "test/core/evicting_cache_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace evicting_cache_ {

constexpr pin_owner first{1}, second{2};

std::string_view code_of(const expected<void>& answer) {
  return answer ? "OK" : name_of(answer.error().code());
}

}  // namespace evicting_cache_

BOOST_FIXTURE_TEST_SUITE(evicting_cache_, cache_fixture)

BOOST_AUTO_TEST_CASE(a_pinned_entry_stays_until_its_owner_takes_the_pin_back) {
  auto cache = make({.max_weight = 40, .policy = eviction_policy::lru});
  put(cache, "a", 10);
  BOOST_TEST(code_of(cache.pin("a", first)) == "OK");
  BOOST_TEST(cache.held("a"));
  BOOST_TEST(cache.pinned_weight() == 10U);
  for (auto key : {"b", "c", "d", "e"}) put(cache, key, 10);
  check_gone({"b=0 capacity"});
  BOOST_TEST(!cache.unpin("a", second));
  BOOST_TEST(cache.unpin("a", first));
  BOOST_TEST(!cache.unpin("a", first));
  BOOST_TEST(cache.pinned_weight() == 0U);
  BOOST_TEST(cache.held_weight() == 0U);
  BOOST_TEST(order(cache) == "cdea");
}

BOOST_AUTO_TEST_CASE(there_must_be_something_to_pin) {
  auto cache = make({.max_weight = 40, .max_idle = 10s});
  BOOST_TEST(code_of(cache.pin("a", first)) == "NOT_FOUND");
  put(cache, "a", 10);
  time.advance(10s);
  BOOST_TEST(code_of(cache.pin("a", first)) == "NOT_FOUND");
  check_gone({"a=0 idle"});
}

BOOST_AUTO_TEST_CASE(pins_beyond_a_quarter_of_the_capacity_are_refused) {
  auto cache = make({.max_weight = 100});
  for (auto key : {"a", "b", "c"}) put(cache, key, 10);
  BOOST_TEST(code_of(cache.pin("a", first)) == "OK");
  BOOST_TEST(code_of(cache.pin("b", first)) == "OK");
  const auto refused = cache.pin("c", first);
  BOOST_TEST(code_of(refused) == "RESOURCE_EXHAUSTED");
  BOOST_TEST(refused.error().message() == "pins hold 20 of the 25 they may, and 10 more would not fit");
  BOOST_TEST(!cache.held("c"));
  // What is pinned already takes no more.
  BOOST_TEST(code_of(cache.pin("a", second)) == "OK");
  BOOST_TEST(cache.pinned_weight() == 20U);
  BOOST_TEST(cache.unpin("b", first));
  BOOST_TEST(code_of(cache.pin("c", first)) == "OK");
}

BOOST_AUTO_TEST_CASE(leases_are_not_bounded_by_the_share_of_pins) {
  auto cache = make({.max_weight = 100});
  put(cache, "a", 60);
  cache.lease("a");
  BOOST_TEST(cache.held_weight() == 60U);
  BOOST_TEST(cache.pinned_weight() == 0U);
  BOOST_TEST(code_of(cache.pin("a", first)) == "RESOURCE_EXHAUSTED");
}

BOOST_AUTO_TEST_CASE(pins_are_bounded_in_number_too) {
  auto cache = make({.max_weight = 100, .pins = {.most = 2}});
  for (auto key : {"a", "b"}) put(cache, key, 1);
  BOOST_TEST(code_of(cache.pin("a", first)) == "OK");
  BOOST_TEST(code_of(cache.pin("a", second)) == "OK");
  BOOST_TEST(code_of(cache.pin("b", first)) == "RESOURCE_EXHAUSTED");
  BOOST_TEST(code_of(cache.pin("a", first)) == "OK");
  time.advance(2min);
  BOOST_TEST(code_of(cache.pin("b", first)) == "OK");
}

BOOST_AUTO_TEST_CASE(a_pin_that_nobody_takes_back_ends_after_two_minutes) {
  auto cache = make({.max_weight = 40, .policy = eviction_policy::lru});
  put(cache, "a", 10);
  BOOST_TEST(code_of(cache.pin("a", first)) == "OK");
  time.advance(2min - 1ms);
  BOOST_TEST(cache.expire(10) == 0U);
  BOOST_TEST(cache.held("a"));
  time.advance(1ms);
  BOOST_TEST(cache.expire(10) == 0U);
  BOOST_TEST(!cache.held("a"));
  BOOST_TEST(!cache.unpin("a", first));
  BOOST_TEST(cache.shed(1) == 10U);
}

BOOST_AUTO_TEST_CASE(whoever_pins_again_starts_the_time_anew) {
  auto cache = make({.max_weight = 40});
  put(cache, "a", 10);
  BOOST_TEST(code_of(cache.pin("a", first, 10s)) == "OK");
  BOOST_TEST(code_of(cache.pin("a", second, 5s)) == "OK");
  time.advance(9s);
  BOOST_TEST(code_of(cache.pin("a", first, 10s)) == "OK");
  time.advance(9s);
  cache.expire(10);
  BOOST_TEST(cache.held("a"));
  time.advance(1s);
  cache.expire(10);
  BOOST_TEST(!cache.held("a"));
}

BOOST_AUTO_TEST_CASE(pins_whose_time_is_over_make_room_for_entries_and_for_pins) {
  auto cache = make({.max_weight = 40, .pins = {.percent = 100}});
  for (auto key : {"a", "b", "c", "d"}) {
    put(cache, key, 10);
    BOOST_TEST(code_of(cache.pin(key, first)) == "OK");
  }
  put(cache, "e", 10);
  BOOST_TEST(cache.weight() == 50U);
  time.advance(2min);
  put(cache, "f", 10);
  BOOST_TEST(cache.weight() == 40U);
  BOOST_TEST(cache.pinned_weight() == 0U);
  BOOST_TEST(code_of(cache.pin("f", first)) == "OK");
}

BOOST_AUTO_TEST_CASE(all_pins_of_an_owner_end_together) {
  auto cache = make({.max_weight = 100});
  for (auto key : {"a", "b"}) {
    put(cache, key, 10);
    BOOST_TEST(code_of(cache.pin(key, first)) == "OK");
  }
  BOOST_TEST(code_of(cache.pin("b", second)) == "OK");
  BOOST_TEST(cache.unpin_all(first) == 2U);
  BOOST_TEST(cache.unpin_all(first) == 0U);
  BOOST_TEST(!cache.held("a"));
  BOOST_TEST(cache.held("b"));
}

BOOST_AUTO_TEST_CASE(a_pin_and_a_lease_of_one_key_end_apart) {
  auto cache = make({.max_weight = 40});
  put(cache, "a", 10);
  cache.lease("a");
  BOOST_TEST(code_of(cache.pin("a", first)) == "OK");
  BOOST_TEST(cache.release("a"));
  BOOST_TEST(!cache.release("a"));
  BOOST_TEST(cache.held("a"));
  BOOST_TEST(cache.held_weight() == 10U);
  BOOST_TEST(cache.unpin("a", first));
  BOOST_TEST(!cache.held("a"));
}

BOOST_AUTO_TEST_CASE(a_pin_stays_with_its_key) {
  auto cache = make({.max_weight = 100});
  put(cache, "a", 10, 1);
  BOOST_TEST(code_of(cache.pin("a", first)) == "OK");
  put(cache, "a", 20, 2);
  check_gone({"a=1 replaced"});
  BOOST_TEST(cache.pinned_weight() == 20U);
  BOOST_TEST(cache.erase("a"));
  check_gone({"a=2 erased"});
  BOOST_TEST(cache.pinned_weight() == 0U);
  BOOST_TEST(cache.held_weight() == 0U);
  put(cache, "a", 5, 3);
  BOOST_TEST(cache.pinned_weight() == 5U);
}

BOOST_AUTO_TEST_SUITE_END()
