#include "test/core/evicting_cache_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

namespace evicting_cache_ {

constexpr eviction_policy every_policy[] = {eviction_policy::lru, eviction_policy::segmented,
                                            eviction_policy::tinylfu};

}  // namespace evicting_cache_

BOOST_FIXTURE_TEST_SUITE(evicting_cache_, cache_fixture)

BOOST_AUTO_TEST_CASE(whoever_comes_is_admitted_by_every_policy) {
  for (auto policy : every_policy) {
    auto cache = make({.max_weight = 100, .policy = policy});
    for (int i = 0; i < 10; ++i) put(cache, "hot" + std::to_string(i), 10);
    for (int times = 0; times < 20; ++times)
      for (int i = 0; i < 10; ++i) cache.find("hot" + std::to_string(i));
    for (int i = 0; i < 100; ++i) {
      put(cache, "new" + std::to_string(i), 10);
      BOOST_TEST(cache.contains("new" + std::to_string(i)));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_was_used_often_stays_when_its_rival_was_not) {
  auto cache = make({.max_weight = 100, .policy = eviction_policy::tinylfu});
  put(cache, "daily", 10);
  for (int i = 0; i < 5; ++i) BOOST_TEST(cache.find("daily"));
  for (int i = 0; i < 30; ++i) put(cache, "scan" + std::to_string(i), 10);
  BOOST_TEST(cache.contains("daily"));
}

// A third of the capacity is theirs.
BOOST_AUTO_TEST_CASE(newcomers_stay_for_a_third_of_the_capacity_however_often_others_were_used) {
  auto cache = make({.max_weight = 100, .policy = eviction_policy::tinylfu});
  for (int i = 0; i < 10; ++i) put(cache, "hot" + std::to_string(i), 10);
  for (int times = 0; times < 5; ++times)
    for (int i = 0; i < 10; ++i) cache.find("hot" + std::to_string(i));
  for (auto key : {"a", "b", "c"}) put(cache, key, 10);
  for (auto key : {"a", "b", "c"}) BOOST_TEST(cache.contains(key));
}

BOOST_AUTO_TEST_CASE(what_was_used_often_in_an_earlier_life_is_known_again) {
  auto cache = make({.max_weight = 100, .policy = eviction_policy::tinylfu});
  put(cache, "back", 10);
  for (int i = 0; i < 8; ++i) cache.find("back");
  BOOST_TEST(cache.erase("back"));
  for (int i = 0; i < 20; ++i) put(cache, "some" + std::to_string(i), 10);
  put(cache, "back", 10);
  for (int i = 0; i < 8; ++i) put(cache, "more" + std::to_string(i), 10);
  BOOST_TEST(cache.contains("back"));
}

BOOST_AUTO_TEST_CASE(what_was_restored_leaves_in_the_saved_order_and_was_not_used) {
  for (auto policy : every_policy) {
    auto cache = make({.max_weight = 60, .policy = policy});
    for (auto key : {"a", "b", "c", "d", "e", "f"})
      BOOST_REQUIRE(cache.restore(key, std::make_unique<int>(0), 10).has_value());
    BOOST_TEST(order(cache) == "abcdef");
    for (auto key : {"u", "v", "w"}) put(cache, key, 10);
    check_gone({"a=0 capacity", "b=0 capacity", "c=0 capacity"});
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_of_what_is_restored_is_the_oldest) {
  for (auto policy : every_policy) {
    auto cache = make({.max_weight = 30, .policy = policy});
    for (auto key : {"a", "b", "c", "d"})
      BOOST_REQUIRE(cache.restore(key, std::make_unique<int>(0), 10).has_value());
    check_gone({"a=0 capacity"});
  }
}

BOOST_AUTO_TEST_CASE(four_terabytes_are_counted_to_the_byte) {
  constexpr std::uint64_t terabyte = std::uint64_t{1} << 40;
  for (auto policy : every_policy) {
    auto cache = make({.max_weight = 4 * terabyte, .policy = policy});
    for (int i = 0; i < 4; ++i) put(cache, std::to_string(i), terabyte - 1);
    BOOST_TEST(cache.weight() == 4 * terabyte - 4);
    put(cache, "last", 5);
    check_gone({"0=0 capacity"});
    BOOST_TEST(cache.weight() == 3 * terabyte + 2);
  }
}

BOOST_AUTO_TEST_SUITE_END()
