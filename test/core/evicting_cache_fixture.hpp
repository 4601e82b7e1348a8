#pragma once

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/cache/evicting_cache.hpp"

namespace kiln::test {

/// A cache of move-only values that writes down who left and why.
struct cache_fixture {
  using value = std::unique_ptr<int>;
  using cache = evicting_cache<std::string, value>;

  manual_clock time;
  std::vector<std::string> gone;  // "key=value reason"

  static const char* name_of(eviction reason) {
    constexpr const char* names[] = {"capacity", "idle", "replaced", "erased"};
    return names[static_cast<int>(reason)];
  }

  cache make(eviction_limits limits) {
    return cache(limits, time, [this](const std::string& key, value&& left, eviction reason) {
      gone.push_back(key + "=" + std::to_string(*left) + " " + name_of(reason));
    });
  }

  static void put(cache& into, const std::string& key, std::uint64_t weight, int content = 0) {
    BOOST_REQUIRE(into.insert(key, std::make_unique<int>(content), weight).has_value());
  }

  static std::string order(const cache& of) {
    std::string result;
    of.for_each([&](const std::string& key, const value&, std::uint64_t) { result += key; });
    return result;
  }

  void check_gone(std::vector<std::string> expected) {
    BOOST_TEST(gone == expected, boost::test_tools::per_element());
    gone.clear();
  }
};

}  // namespace kiln::test
