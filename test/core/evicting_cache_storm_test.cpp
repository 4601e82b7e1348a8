#include <map>
#include <random>
#include <set>

#include "test/core/evicting_cache_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace evicting_cache_ {

/// Random orders against plain bookkeeping. Values are serial numbers.
class storm {
public:
  storm(std::uint64_t seed, eviction_policy policy)
      : random_(seed), cache_(limits(policy), time_, on_left()) {}

  /// The first thing that was not as it must be, empty if nothing was.
  std::string run(int steps) {
    for (int i = 0; i < steps && fault_.empty(); ++i) {
      time_.advance(std::chrono::seconds(below(3)));
      act();
      compare();
    }
    return fault_;
  }

private:
  static constexpr std::uint64_t most = 200, most_entries = 30;
  static eviction_limits limits(eviction_policy policy) {
    return {.max_weight = most, .max_entries = most_entries, .max_idle = 50s, .policy = policy};
  }
  struct content {
    int serial;
    std::uint64_t weight;
  };

  int below(unsigned bound) { return static_cast<int>(random_() % bound); }
  void must(bool held, const char* what) {
    if (!held && fault_.empty()) fault_ = what;
  }
  bool pinned(int key) const {
    for (const auto& [who, until] : pins_)
      if (who.first == key && until > time_.now()) return true;
    return false;
  }

  on_evict<int, int> on_left() {
    return [this](const int& key, int&& serial, eviction why) {
      must(left_.insert(serial).second, "a value leaves once");
      must(why == eviction::replaced || !cache_.contains(key), "what left is not found when it is told");
      auto& books = coming_.contains(key) && coming_[key].serial == serial ? coming_ : held_;
      must(books.contains(key) && books[key].serial == serial, "what leaves was there");
      if (why != eviction::erased && why != eviction::replaced) {
        must(!leases_.contains(key), "what is leased stays");
        must(!pinned(key), "what is pinned stays");
      }
      books.erase(key);
    };
  }

  // What came and has not left again.
  void take_in() {
    for (const auto& [key, one] : coming_) held_[key] = one;
    coming_.clear();
  }

  void insert(int key, bool restored) {
    const std::uint64_t weight = static_cast<std::uint64_t>(below(40));
    const int serial = ++serials_;
    coming_[key] = {serial, weight};
    must((restored ? cache_.restore(key, serial, weight) : cache_.insert(key, serial, weight)).has_value(),
         "an entry that fits is taken");
    take_in();
    must(cache_.contains(key) && *cache_.peek(key) == serial, "what was just written is there");
  }

  void insert_batch() {
    std::vector<evicting_cache<int, int>::item> items;
    for (int count = below(5); count >= 0; --count) {
      items.push_back({below(60), ++serials_, static_cast<std::uint64_t>(below(30))});
      // Of two values under one key the first is replaced; if they come apart, it may leave otherwise.
      if (const auto first = std::find_if(items.begin(), items.end() - 1,
                                          [&](const auto& one) { return one.key == items.back().key; });
          first != items.end() - 1)
        items.pop_back();
    }
    for (const auto& one : items) coming_[one.key] = {one.value, one.weight};
    const auto last = items.back();
    cache_.insert_many(std::move(items));
    take_in();
    must(cache_.contains(last.key) && *cache_.peek(last.key) == last.value, "the last of a batch is there");
  }

  void act() {
    const int key = below(60);
    const auto owner = static_cast<pin_owner>(below(3));
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        return insert(key, false);
      case 3:
        return insert(key, true);
      case 4:
        return insert_batch();
      case 5:
      case 6:
        cache_.find(key);
        return;
      case 7:
        cache_.erase(key);
        return;
      case 8:
        if (leases_.size() >= 8 && !leases_.contains(key)) return;
        cache_.lease(key);  // which brings nothing back that was idle
        ++leases_[key];
        return;
      case 9: {
        const bool was_leased = leases_.contains(key);
        if (was_leased && --leases_[key] == 0) leases_.erase(key);
        return must(cache_.release(key) == was_leased, "as many releases as leases");
      }
      case 10: {
        const auto timeout = std::chrono::seconds(1 + below(40));
        const std::uint64_t pinned_before = cache_.pinned_weight();
        const bool granted = cache_.pin(key, owner, timeout).has_value();
        if (granted) pins_[{key, owner}] = time_.now() + timeout;
        return must(!granted || cache_.pinned_weight() <= std::max(most / 4, pinned_before),
                    "pins hold no more than their share");
      }
      case 11:
        if (cache_.unpin(key, owner) || pins_.contains({key, owner})) pins_.erase({key, owner});
        return;
    }
  }

  void compare() {
    std::uint64_t sum = 0, kept = 0;
    std::size_t loose = 0;
    for (const auto& [key, one] : held_) {
      sum += one.weight;
      if (cache_.held(key))
        kept += one.weight;
      else
        ++loose;
      must(!(leases_.contains(key) || pinned(key)) || cache_.held(key), "holds are known");
    }
    must(cache_.size() == held_.size(), "the entries are counted");
    must(cache_.weight() == sum, "the weights add up");
    must(cache_.held_weight() == kept, "what is held adds up");
    must(cache_.pinned_weight() <= kept, "what is pinned is held");
    // Only the newcomer may stand beside held entries that fill the cache alone.
    must((sum <= most && held_.size() <= most_entries) || loose <= 1, "the bounds hold");
    std::uint64_t seen = 0;
    cache_.for_each([&](const int&, const int&, std::uint64_t weight) { seen += weight; });
    must(seen == sum, "all entries stand in a line");
  }

  std::mt19937_64 random_;
  manual_clock time_;
  std::map<int, content> held_;
  std::map<int, content> coming_;  // in the call that is under way
  std::map<int, int> leases_;
  std::map<std::pair<int, pin_owner>, steady_time> pins_;
  std::set<int> left_;
  int serials_ = 0;
  std::string fault_;
  evicting_cache<int, int> cache_;
};

}  // namespace evicting_cache_

BOOST_AUTO_TEST_SUITE(evicting_cache_)

BOOST_AUTO_TEST_CASE(every_value_leaves_once_and_the_weights_always_add_up) {
  for (auto policy : {eviction_policy::lru, eviction_policy::segmented, eviction_policy::tinylfu})
    for (std::uint64_t seed = 1; seed <= 100; ++seed)
      if (const std::string fault = storm(seed, policy).run(200); !fault.empty())
        BOOST_FAIL("policy " << static_cast<int>(policy) << ", seed " << seed << ": " << fault);
}

BOOST_AUTO_TEST_CASE(a_long_storm_too) {
  const unsigned seed = std::random_device{}();
  for (auto policy : {eviction_policy::lru, eviction_policy::segmented, eviction_policy::tinylfu})
    if (const std::string fault = storm(seed, policy).run(10'000); !fault.empty())
      BOOST_ERROR("policy " << static_cast<int>(policy) << ", seed " << seed << ": " << fault);
}

BOOST_AUTO_TEST_SUITE_END()
