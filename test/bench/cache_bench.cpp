// What the policies of evicting_cache are worth: hit rates over traces, and what one call costs.
//
//     cache_bench rates [SEED]             objects and bytes found, by trace, policy and size of the cache
//     cache_bench calls [ENTRIES]          nanoseconds of CPU, by policy
//     cache_bench threads [MILLISECONDS]   calls a second behind one mutex, by policy and number of threads

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <string_view>
#include <thread>

#include "core/cache/evicting_cache.hpp"
#include "core/digest/digest.hpp"
#include "test/bench/cache_chance.hpp"
#include "test/bench/cache_traces.hpp"

namespace kiln::bench {
namespace {

struct named_policy {
  const char* name;
  eviction_policy policy;
};
constexpr std::array policies = {named_policy{"lru", eviction_policy::lru},
                                 named_policy{"segmented", eviction_policy::segmented},
                                 named_policy{"tinylfu", eviction_policy::tinylfu}};

struct rates {
  double objects = 0;
  double bytes = 0;
};

// Whoever misses an object brings it. The first look at each counts for nothing.
rates replay(const cache_trace& trace, std::uint64_t capacity, eviction_policy policy) {
  evicting_cache<std::uint32_t, char> cache({.max_weight = capacity, .policy = policy}, system_clock());
  std::vector<bool> written(trace.objects);
  double asked = 0, found = 0, asked_bytes = 0, found_bytes = 0;
  for (const auto& [object, bytes] : trace.accesses) {
    const bool hit = cache.find(object) != nullptr;
    if (written[object]) {
      asked += 1;
      found += hit;
      asked_bytes += bytes;
      found_bytes += hit ? bytes : 0;
    }
    written[object] = true;
    // What is larger than the cache passes by.
    if (!hit) (void)cache.insert(object, 0, bytes);
  }
  return {found / asked, found_bytes / asked_bytes};
}

void print_rates(const cache_trace& trace) {
  constexpr std::array thousandths = {5, 20, 80, 300};
  fmt::print("\n{}: {} looks at {} objects of {:.3f} GB\n\n| cache |", trace.name, trace.accesses.size(),
             trace.objects, static_cast<double>(trace.object_bytes) / 1e9);
  for (const auto& each : policies) fmt::print(" {} |", each.name);
  fmt::print("\n|---|---|---|---|\n");
  for (auto part : thousandths) {
    fmt::print("| {:.1f} % |", part / 10.0);
    for (const auto& each : policies) {
      const auto [objects, bytes] = replay(trace, trace.object_bytes / 1000 * part, each.policy);
      fmt::print(" {:.3f} / {:.3f} |", objects, bytes);
    }
    fmt::print("\n");
  }
}

bool print_rates(std::uint64_t seed) {
  auto recorded = recorded_trace(KILN_TRACES "/bazel.txt");
  if (!recorded) {
    fmt::print(stderr, "cache_bench: {}\n", recorded.error().message());
    return false;
  }
  print_rates(*recorded);
  for (auto make : {trace_of_builds, trace_with_scans, trace_of_downloads, trace_of_outputs})
    print_rates(make(seed));
  return true;
}

digest key_of(std::uint64_t number) {
  std::array<char, 20> text;
  const auto end = fmt::format_to(text.data(), "{}", number);
  return digest_of({text.data(), static_cast<std::size_t>(end - text.data())});
}

template <class Call>
double nanoseconds_each(std::size_t count, Call call) {
  auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
  };
  const double before = now();
  for (std::size_t i = 0; i < count; ++i) call(i);
  return (now() - before) / static_cast<double>(count);
}

void print_calls(std::size_t entries) {
  chance by(1);
  std::vector<digest> keys;
  std::vector<std::uint32_t> at_random;
  for (std::size_t i = 0; i < 2 * entries; ++i) keys.push_back(key_of(i));
  for (std::size_t i = 0; i < entries; ++i) at_random.push_back(by.below(entries));
  fmt::print("\n| ns | insert | find | insert that evicts |\n|---|---|---|---|\n");
  for (const auto& each : policies) {
    evicting_cache<digest, std::uint64_t> cache({.max_entries = entries, .policy = each.policy},
                                                system_clock());
    cache.reserve(entries + 1);
    auto insert = [&](std::size_t i) { (void)cache.insert(keys[i], i, 1); };
    const double filling = nanoseconds_each(entries, insert);
    const double finding = nanoseconds_each(entries, [&](std::size_t i) { cache.find(keys[at_random[i]]); });
    const double evicting = nanoseconds_each(entries, [&](std::size_t i) { insert(entries + i); });
    fmt::print("| {} | {:.0f} | {:.0f} | {:.0f} |\n", each.name, filling, finding, evicting);
  }
}

// Four of five calls are a find, a miss inserts. A cache belongs to one actor, whose mailbox does what the
// mutex does here: this is what could be had at most.
double calls_a_second(eviction_policy policy, unsigned threads, std::chrono::milliseconds time) {
  constexpr std::size_t objects = 200'000;
  static const std::vector<digest> keys = [] {
    std::vector<digest> all;
    for (std::size_t i = 0; i < objects; ++i) all.push_back(key_of(i));
    return all;
  }();
  static const zipf popular(objects, 0.9);
  evicting_cache<digest, std::uint64_t> cache({.max_entries = objects / 5, .policy = policy}, system_clock());
  std::mutex guard;
  std::atomic<std::uint64_t> all{0};
  const auto end = system_clock().now() + time;
  auto work = [&](unsigned seed) {
    chance by(seed);
    std::vector<std::uint32_t> order;
    for (int i = 0; i < 10'000; ++i) order.push_back(popular(by));
    std::uint64_t done = 0;
    for (; system_clock().now() < end; done += 100)
      for (std::uint64_t i = done; i < done + 100; ++i) {
        const digest& key = keys[order[i % order.size()]];
        std::scoped_lock lock(guard);
        if (i % 5 == 0 || cache.find(key) == nullptr) (void)cache.insert(key, i, 1);
      }
    all += done;
  };
  std::vector<std::jthread> running;
  for (unsigned i = 0; i < threads; ++i) running.emplace_back(work, i + 1);
  running.clear();
  return static_cast<double>(all) / std::chrono::duration<double>(time).count();
}

void print_threads(std::chrono::milliseconds time) {
  fmt::print("\n| million calls a second | 1 thread | 2 | 4 | 8 |\n|---|---|---|---|---|\n");
  for (const auto& each : policies) {
    fmt::print("| {} |", each.name);
    for (unsigned threads : {1, 2, 4, 8})
      fmt::print(" {:.2f} |", calls_a_second(each.policy, threads, time) / 1e6);
    fmt::print("\n");
  }
}

}  // namespace
}  // namespace kiln::bench

int main(int count, char** words) {
  const std::string_view what = count > 1 ? words[1] : "rates";
  auto number = [&](std::uint64_t usual) { return count > 2 ? std::strtoull(words[2], nullptr, 10) : usual; };
  if (what == "rates")
    return kiln::bench::print_rates(number(1)) ? 0 : 1;
  else if (what == "calls")
    kiln::bench::print_calls(number(1'000'000));
  else if (what == "threads")
    kiln::bench::print_threads(std::chrono::milliseconds(number(2000)));
  else
    return 2;
}
