#include "test/core/evicting_cache_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

namespace evicting_cache_ {

std::vector<cache_fixture::cache::item> items(
    std::initializer_list<std::tuple<const char*, std::uint64_t, int>> all) {
  std::vector<cache_fixture::cache::item> result;
  for (const auto& [key, weight, content] : all)
    result.push_back({key, std::make_unique<int>(content), weight});
  return result;
}

}  // namespace evicting_cache_

BOOST_FIXTURE_TEST_SUITE(evicting_cache_, cache_fixture)

BOOST_AUTO_TEST_CASE(a_batch_that_fits_is_there_whole) {
  for (auto policy : {eviction_policy::lru, eviction_policy::segmented, eviction_policy::tinylfu}) {
    auto cache = make({.max_weight = 40, .policy = policy});
    for (auto key : {"a", "b", "c", "d"}) put(cache, key, 10);
    for (auto key : {"a", "b"})
      for (int times = 0; times < 5; ++times) cache.find(key);
    for (const auto& each : cache.insert_many(items({{"e", 10, 1}, {"f", 10, 2}, {"g", 20, 3}})))
      BOOST_TEST(each.has_value());
    for (auto key : {"e", "f", "g"}) BOOST_TEST(cache.contains(key));
    BOOST_TEST(cache.weight() == 40U);
    BOOST_TEST(cache.held_weight() == 0U);
    BOOST_TEST(gone.size() == 4U);
    gone.clear();
  }
}

BOOST_AUTO_TEST_CASE(of_a_batch_that_does_not_fit_the_last_are_there) {
  auto cache = make({.max_weight = 20, .policy = eviction_policy::lru});
  const auto results = cache.insert_many(items({{"a", 10, 1}, {"b", 10, 2}, {"c", 10, 3}, {"a", 5, 4}}));
  BOOST_TEST(results.size() == 4U);
  check_gone({"a=1 capacity", "b=2 capacity"});
  BOOST_TEST(**cache.find("a") == 4);
  BOOST_TEST(cache.weight() == 15U);
}

BOOST_AUTO_TEST_CASE(what_could_not_fit_alone_is_refused_and_the_others_come) {
  auto cache = make({.max_weight = 20});
  const auto results = cache.insert_many(items({{"a", 10, 1}, {"giant", 21, 2}, {"b", 10, 3}}));
  BOOST_REQUIRE(results.size() == 3U);
  BOOST_TEST(results[0].has_value());
  BOOST_TEST((results[1].error().code() == errc::resource_exhausted));
  BOOST_TEST(results[2].has_value());
  BOOST_TEST(cache.contains("a"));
  BOOST_TEST(cache.contains("b"));
}

BOOST_AUTO_TEST_CASE(a_batch_replaces_what_is_there_and_itself) {
  auto cache = make({.max_weight = 40, .policy = eviction_policy::lru});
  for (auto key : {"a", "b", "c", "d"}) put(cache, key, 10);
  cache.insert_many(items({{"e", 10, 1}, {"a", 10, 2}, {"e", 5, 3}}));
  check_gone({"b=0 capacity", "a=0 replaced", "e=1 replaced"});
  BOOST_TEST(order(cache) == "cdae");
  BOOST_TEST(cache.weight() == 35U);
}

BOOST_AUTO_TEST_CASE(a_batch_heeds_what_is_held) {
  auto cache = make({.max_weight = 40, .policy = eviction_policy::lru});
  put(cache, "held", 20);
  cache.lease("held");
  cache.lease("b");
  cache.insert_many(items({{"a", 10, 1}, {"b", 10, 2}, {"c", 10, 3}}));
  check_gone({"a=1 capacity"});
  BOOST_TEST(cache.held_weight() == 30U);
  BOOST_TEST(cache.weight() == 40U);
}

BOOST_AUTO_TEST_SUITE_END()
