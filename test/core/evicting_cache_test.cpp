#include <tuple>

#include "test/core/evicting_cache_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

namespace evicting_cache_ {

using strings = std::vector<std::string>;

}  // namespace evicting_cache_

BOOST_FIXTURE_TEST_SUITE(evicting_cache_, cache_fixture)

BOOST_AUTO_TEST_CASE(the_one_used_longest_ago_leaves_first) {
  auto cache = make({.max_weight = 30, .policy = eviction_policy::lru});
  put(cache, "a", 10);
  put(cache, "b", 10);
  put(cache, "c", 10);
  BOOST_TEST(cache.find("a"));
  put(cache, "d", 10);
  check_gone({"b=0 capacity"});
  BOOST_TEST(order(cache) == "cad");
  BOOST_TEST(cache.weight() == 30U);
}

BOOST_AUTO_TEST_CASE(peeking_is_no_use) {
  auto cache = make({.max_weight = 20, .policy = eviction_policy::lru});
  put(cache, "a", 10, 7);
  put(cache, "b", 10);
  BOOST_TEST(**cache.peek("a") == 7);
  BOOST_TEST(cache.contains("a"));
  put(cache, "c", 10);
  check_gone({"a=7 capacity"});
}

BOOST_AUTO_TEST_CASE(a_heavy_newcomer_drives_out_as_many_as_it_takes) {
  auto cache = make({.max_weight = 30});
  for (auto key : {"a", "b", "c"}) put(cache, key, 10);
  put(cache, "d", 15);
  check_gone({"a=0 capacity", "b=0 capacity"});
  BOOST_TEST(cache.weight() == 25U);
}

BOOST_AUTO_TEST_CASE(what_cannot_fit_alone_is_refused_and_changes_nothing) {
  auto cache = make({.max_weight = 30});
  put(cache, "a", 10, 1);
  const auto refused = cache.insert("a", std::make_unique<int>(2), 31);
  BOOST_REQUIRE(!refused.has_value());
  BOOST_TEST((refused.error().code() == errc::resource_exhausted));
  check_gone({});
  BOOST_TEST(**cache.find("a") == 1);
}

BOOST_AUTO_TEST_CASE(exactly_full_is_not_too_full) {
  auto cache = make({.max_weight = 30});
  put(cache, "a", 10);
  put(cache, "b", 20);
  check_gone({});
  put(cache, "c", 30);
  check_gone({"a=0 capacity", "b=0 capacity"});
}

BOOST_AUTO_TEST_CASE(entries_are_bounded_too_even_without_weight) {
  auto cache = make({.max_entries = 2, .policy = eviction_policy::lru});
  for (auto key : {"a", "b", "c"}) put(cache, key, 0);
  check_gone({"a=0 capacity"});
  BOOST_TEST(cache.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_replaced_value_leaves_once_and_the_new_one_counts) {
  auto cache = make({.max_weight = 30});
  put(cache, "a", 10, 1);
  put(cache, "a", 25, 2);
  check_gone({"a=1 replaced"});
  BOOST_TEST(cache.weight() == 25U);
  BOOST_TEST(cache.size() == 1U);
  BOOST_TEST(**cache.find("a") == 2);
}

BOOST_AUTO_TEST_CASE(replacing_does_not_drive_out_others_for_room_the_old_value_gives) {
  auto cache = make({.max_weight = 30});
  put(cache, "a", 20, 1);
  put(cache, "b", 10);
  put(cache, "a", 20, 2);
  check_gone({"a=1 replaced"});
}

BOOST_AUTO_TEST_CASE(erasing_gives_the_weight_back) {
  auto cache = make({.max_weight = 30});
  put(cache, "a", 10, 1);
  BOOST_TEST(cache.erase("a"));
  BOOST_TEST(!cache.erase("a"));
  check_gone({"a=1 erased"});
  BOOST_TEST(cache.weight() == 0U);
  BOOST_TEST(!cache.find("a"));
}

BOOST_AUTO_TEST_CASE(touching_uses_what_is_there) {
  auto cache = make({.max_weight = 30, .policy = eviction_policy::lru});
  for (auto key : {"a", "b", "c"}) put(cache, key, 10);
  BOOST_TEST(cache.touch(strings{"b", "absent", "a"}) == 2U);
  BOOST_TEST(order(cache) == "cba");
}

BOOST_AUTO_TEST_CASE(one_long_scan_does_not_empty_the_cache_of_what_is_used_again) {
  auto cache = make({.max_weight = 100});
  put(cache, "daily", 10);
  BOOST_TEST(cache.find("daily"));
  for (int i = 0; i < 1000; ++i) put(cache, "scan" + std::to_string(i), 10);
  BOOST_TEST(cache.contains("daily"));
}

BOOST_AUTO_TEST_CASE(newcomers_keep_the_room_outside_the_shelter) {
  auto cache = make({.max_weight = 100, .policy = eviction_policy::segmented});
  for (int i = 0; i < 10; ++i) put(cache, "old" + std::to_string(i), 10);
  for (int i = 0; i < 10; ++i) BOOST_TEST(cache.find("old" + std::to_string(i)));
  for (auto key : {"a", "b", "c", "d", "e"}) put(cache, key, 10);
  for (auto key : {"a", "b", "c", "d", "e"}) BOOST_TEST(cache.contains(key));
  BOOST_TEST(cache.weight() == 100U);
}

BOOST_AUTO_TEST_CASE(one_giant_does_not_drive_the_others_out_of_the_shelter) {
  auto cache = make({.max_weight = 100, .policy = eviction_policy::segmented});
  put(cache, "a", 10);
  put(cache, "giant", 60);
  BOOST_TEST(cache.touch(strings{"a", "giant"}) == 2U);
  put(cache, "b", 40);
  check_gone({"giant=0 capacity"});
}

BOOST_AUTO_TEST_CASE(what_was_saved_oldest_first_comes_back_in_the_same_order) {
  auto before = make({});
  for (auto key : {"a", "b", "c", "d"}) put(before, key, 1);
  before.find("b");
  auto after = make({});
  before.for_each(
      [&](const std::string& key, const value&, std::uint64_t weight) { put(after, key, weight); });
  BOOST_TEST(order(after) == "acdb");
  BOOST_TEST(order(before) == order(after));
}

BOOST_AUTO_TEST_CASE(the_hook_sees_a_cache_that_is_consistent_and_may_use_it) {
  using small_cache = evicting_cache<int, int>;
  small_cache* self = nullptr;
  std::vector<std::tuple<int, bool, std::uint64_t>> seen;
  small_cache cache({.max_weight = 2}, time, [&](const int& key, int&&, eviction) {
    seen.emplace_back(key, self->contains(key), self->weight());
    if (key == 1) BOOST_TEST(self->insert(9, 9, 1).has_value());
  });
  self = &cache;
  for (int key : {1, 2, 3}) BOOST_TEST(cache.insert(key, key, 1).has_value());
  BOOST_TEST((seen == std::vector<std::tuple<int, bool, std::uint64_t>>{{1, false, 2}, {2, false, 2}}));
  BOOST_TEST(cache.contains(3));
  BOOST_TEST(cache.contains(9));
}

BOOST_AUTO_TEST_CASE(the_end_of_the_cache_calls_nobody) {
  {
    auto cache = make({});
    put(cache, "a", 1);
    cache.lease("a");
  }
  check_gone({});
}

BOOST_AUTO_TEST_SUITE_END()
