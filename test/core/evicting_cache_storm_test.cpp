#include <map>
#include <random>

#include "test/core/evicting_cache_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(evicting_cache_, cache_fixture)

// Random orders against plain bookkeeping: whatever happens, each value is in the cache or has left once, and
// the weights add up.
BOOST_AUTO_TEST_CASE(every_value_leaves_once_and_the_weights_always_add_up) {
  const unsigned seed = std::random_device{}();
  BOOST_TEST_MESSAGE("seed " << seed);
  BOOST_TEST_CONTEXT("seed " << seed) {
    std::mt19937 random(seed);
    auto below = [&](unsigned bound) { return static_cast<int>(random() % bound); };
    std::map<int, std::pair<int, std::uint64_t>> held;  // key -> serial of the value, weight
    std::map<int, int> pins;
    bool faulty = false;
    evicting_cache<int, int> cache({.max_weight = 200, .max_entries = 30, .max_idle = 50s}, time,
                                   [&](const int& key, int&& serial, eviction reason) {
                                     const auto found = held.find(key);
                                     // A replaced value is no longer the one on the books.
                                     if (reason == eviction::replaced) return;
                                     faulty |= found == held.end() || found->second.first != serial;
                                     faulty |= reason != eviction::erased && pins.contains(key);
                                     if (found != held.end()) held.erase(found);
                                   });
    int replaced = 0;
    for (int serial = 0; serial < 20'000; ++serial) {
      const int key = below(60);
      time.advance(std::chrono::seconds(below(3)));
      switch (below(8)) {
        case 0:
        case 1:
        case 2: {
          const std::uint64_t weight = static_cast<std::uint64_t>(below(40));
          replaced += held.contains(key);
          held[key] = {serial, weight};
          BOOST_REQUIRE(cache.insert(key, serial, weight).has_value());
          break;
        }
        case 3:
        case 4:
          cache.find(key);
          break;
        case 5:
          cache.erase(key);
          break;
        case 6:
          if (pins.size() >= 10 && !pins.contains(key)) break;
          cache.pin(key);
          ++pins[key];
          break;
        case 7: {
          const bool was_pinned = pins.contains(key);
          if (was_pinned && --pins[key] == 0) pins.erase(key);
          BOOST_REQUIRE(cache.unpin(key) == was_pinned);
          break;
        }
      }
      std::uint64_t sum = 0;
      std::uint64_t pinned = 0;
      std::size_t loose = 0;
      for (const auto& [known, content] : held) {
        sum += content.second;
        if (cache.pinned(known))
          pinned += content.second;
        else
          ++loose;
      }
      BOOST_REQUIRE(!faulty);
      BOOST_REQUIRE(cache.size() == held.size());
      BOOST_REQUIRE(cache.weight() == sum);
      BOOST_REQUIRE(cache.pinned_weight() == pinned);
      // Only the newcomer may stand beside pinned entries that fill the cache alone.
      const bool within = sum <= 200 && held.size() <= 30;
      BOOST_REQUIRE((within || loose <= 1));
    }
    BOOST_TEST(replaced > 0);
  }
}

BOOST_AUTO_TEST_SUITE_END()
