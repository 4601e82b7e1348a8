#include <boost/test/unit_test.hpp>

#include "core/cache/frequency_sketch.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(frequency_sketch_)

BOOST_AUTO_TEST_CASE(what_was_counted_is_remembered_up_to_fifteen) {
  frequency_sketch sketch;
  BOOST_TEST(sketch.frequency(7) == 0U);
  for (unsigned times = 1; times <= 15; ++times) {
    sketch.count(7);
    BOOST_TEST(sketch.frequency(7) == times);
  }
  sketch.count(7);
  BOOST_TEST(sketch.frequency(7) == frequency_sketch::most);
}

BOOST_AUTO_TEST_CASE(growing_forgets_nothing) {
  frequency_sketch sketch;
  for (std::uint32_t key = 0; key < 20; ++key)
    for (std::uint32_t times = 0; times < key % 4; ++times) sketch.count(key);
  sketch.expect(100'000);
  BOOST_TEST(sketch.capacity() >= 100'000U);
  for (std::uint32_t key = 0; key < 20; ++key) BOOST_TEST(sketch.frequency(key) >= key % 4);
}

BOOST_AUTO_TEST_CASE(it_says_too_much_of_few) {
  constexpr std::uint32_t entries = 10'000;
  frequency_sketch sketch;
  sketch.expect(entries);
  for (std::uint32_t key = 0; key < entries; ++key) sketch.count(key);
  std::uint32_t wrong = 0;
  for (std::uint32_t key = 0; key < entries; ++key) wrong += sketch.frequency(key) != 1;
  BOOST_TEST(wrong < entries / 20);
}

BOOST_AUTO_TEST_CASE(what_was_often_used_long_ago_is_forgotten) {
  frequency_sketch sketch;
  for (int i = 0; i < 15; ++i) sketch.count(1);
  const auto round = static_cast<std::uint32_t>(10 * sketch.capacity());
  unsigned before = sketch.frequency(1);
  for (std::uint32_t key = 2, rounds = 0; rounds < 8; ++rounds) {
    // One key in each round: nothing else is counted where the first one stands.
    for (std::uint32_t i = 0; i < round; ++i) sketch.count(key);
    BOOST_TEST(sketch.frequency(1) == before / 2);
    before = sketch.frequency(1);
  }
  BOOST_TEST(sketch.frequency(1) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
