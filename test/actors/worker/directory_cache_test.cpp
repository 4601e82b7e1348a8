#include "actors/worker/trees/directory_cache.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/actor_system.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "actors/worker/trees/tree_look.hpp"
#include "core/observe/metrics.hpp"
#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

// Who gets a tree, who has to make it, and what is left of one that was not made, under many who ask at once.
namespace kiln::test {
namespace directory_caches {

namespace fs = std::filesystem;

/// Eight files of a hundred bytes that are links, two folders and a link.
constexpr std::int64_t tree_bytes = 800 + 3 * 16384;

struct cache_bench : worker_bench {
  cache_bench() : worker_bench(nullptr, false) {
    pool = env.pools->make("kiln-test", 4);
    auto opened = work_root::open(system_disk(), options.work_root, pool, nullptr);
    BOOST_REQUIRE(opened.has_value());
    root = *opened;
    auto laid = tree_shelf::open(root, env.pools->make("kiln-test", 1), "test", nullptr);
    BOOST_REQUIRE(laid.has_value());
    shelf = *laid;
    for (int i = 0; i < 8; ++i)
      std::ofstream(folder / std::to_string(i)) << std::string(100, static_cast<char>('a' + i));
  }
  ~cache_bench() { caf::anon_send_exit(cache, caf::exit_reason::user_shutdown); }
  void begin(std::uint64_t most_bytes) {
    cache = spawn_directory_cache(system, {env, shelf, pool, cas, most_bytes, 1000});
  }

  /// A tree of eight files; `variant` says which of them it has under which name.
  static digest name_of(int variant) { return digest_of("root " + std::to_string(variant)); }
  std::shared_ptr<input_tree> tree_of(int variant) {
    auto tree = std::make_shared<input_tree>();
    tree->links = true;
    tree->folders = {{""}, {"in"}};
    for (int i = 0; i < 8; ++i) {
      const int which = (i + variant) % 8;
      const auto blob = digest_of(std::string(100, static_cast<char>('a' + which)));
      tree->files.push_back({static_cast<std::uint32_t>(i / 4), "f" + std::to_string(i), blob, true});
      auto lent = std::make_shared<lent_input>();
      lent->blob = blob;
      lent->path = (folder / std::to_string(which)).string();
      lent->shared = std::make_shared<lent_input::sharing>();
      tree->lent[{blob, true}] = lent;
    }
    tree->symlinks.push_back({0, "variant", std::to_string(variant)});
    return tree;
  }
  expected<granted_tree> borrow(int variant) {
    return ask<granted_tree>(system, cache, borrow_tree{name_of(variant)});
  }
  expected<std::shared_ptr<cached_tree>> build(int variant, const std::atomic<bool>& stop) {
    return shelf->build({name_of(variant), tree_of(variant), nullptr, {}, env.time->wall()}, stop);
  }
  /// As an action would, from the first question to the pin.
  tree_pin get(int variant) {
    auto granted = borrow(variant);
    BOOST_REQUIRE(granted.has_value());
    if (granted->tree) return granted->tree;
    std::atomic<bool> never{false};
    auto made = build(variant, never);
    BOOST_REQUIRE(made.has_value());
    auto kept =
        ask<granted_tree>(system, cache, keep_tree{std::move(*made), nullptr, std::move(granted->lease)});
    BOOST_REQUIRE(kept.has_value());
    return kept->tree;
  }
  static bool is_whole(const cached_tree& tree, int variant) {
    auto folder = system_disk().open_folder(tree.layer);
    if (!folder) return false;
    auto seen = look_at_tree(system_disk(), *folder, 100);
    return seen && seen->size() == 10 && seen->at("variant").target == std::to_string(variant) &&
           seen->at("in/f7").mark.size == 100;
  }
  std::set<std::string> on_disk() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(fs::path(options.work_root) / "trees"))
      if (entry.is_directory()) names.insert(entry.path().filename().string());
    return names;
  }
  /// What is removed is removed by one thread, one after the other.
  void wait_until_there_are(std::size_t trees) {
    while (on_disk().size() != trees) std::this_thread::yield();
  }
  std::int64_t figure(const char* name) {
    for (const auto& [which, family] : metrics.snapshot())
      if (which == name)
        return static_cast<std::int64_t>(
            std::get<std::unique_ptr<metric_family<gauge>>>(*family)->snapshot().front().second->value());
    return -1;
  }

  std::shared_ptr<thread_pool> pool;
  std::shared_ptr<work_root> root;
  std::shared_ptr<tree_shelf> shelf;
  directory_cache_actor cache;
};

}  // namespace directory_caches

using directory_caches::tree_bytes;

BOOST_FIXTURE_TEST_SUITE(a_directory_cache, directory_caches::cache_bench)

BOOST_AUTO_TEST_CASE(lets_one_make_a_tree_and_gives_it_to_all) {
  begin(1 << 20);
  auto first = borrow(1);
  BOOST_REQUIRE((first && !first->tree && first->lease));
  std::vector<std::thread> others;
  std::atomic<int> served{0};
  for (int i = 0; i < 4; ++i)
    others.emplace_back([&] {
      auto granted = borrow(1);
      if (granted && granted->tree && is_whole(*granted->tree, 1)) ++served;
    });
  std::atomic<bool> never{false};
  auto made = build(1, never);
  BOOST_REQUIRE(made.has_value());
  auto kept = ask<granted_tree>(system, cache, keep_tree{std::move(*made), nullptr, std::move(first->lease)});
  BOOST_REQUIRE((kept && kept->tree));
  for (auto& other : others) other.join();
  BOOST_TEST(served == 4);
  BOOST_TEST(on_disk().size() == 1U);
}

BOOST_AUTO_TEST_CASE(gives_the_right_to_make_it_to_the_next_when_the_first_gives_up) {
  begin(1 << 20);
  auto first = borrow(1);
  BOOST_REQUIRE((first && first->lease));
  std::vector<std::thread> others;
  std::atomic<int> leases{0};
  for (int i = 0; i < 3; ++i)
    others.emplace_back([&] {
      auto granted = borrow(1);
      if (granted && granted->lease) ++leases;
    });
  std::atomic<bool> stopped{true};
  auto made = build(1, stopped);
  BOOST_REQUIRE(!made.has_value());
  BOOST_TEST((made.error().code() == errc::cancelled));
  first = fail(errc::cancelled, "given up");
  for (auto& other : others) other.join();
  BOOST_TEST(leases == 3);
  wait_until_there_are(0);
  // Nothing is poisoned.
  BOOST_TEST(is_whole(*get(1), 1));
}

BOOST_AUTO_TEST_CASE(removes_a_tree_that_was_made_and_not_kept) {
  begin(1 << 20);
  (void)borrow(2);  // it knows what was there before
  std::atomic<bool> never{false};
  BOOST_TEST(build(1, never).has_value());
  wait_until_there_are(0);
}

BOOST_AUTO_TEST_CASE(keeps_what_is_in_use_and_counts_what_it_keeps) {
  begin(2 * tree_bytes + 100);
  std::vector<tree_pin> used;
  for (int i = 0; i < 8; ++i) used.push_back(get(i));
  for (int i = 0; i < 8; ++i) BOOST_TEST(is_whole(*used[static_cast<std::size_t>(i)], i));
  used.clear();
  BOOST_TEST(is_whole(*get(7), 7));
  wait_until_there_are(2);
  // The last question is behind all that was given back.
  while (figure("kiln_worker_kept_trees") != 2) (void)get(7);
  BOOST_TEST(figure("kiln_worker_kept_tree_bytes") == 2 * tree_bytes);
}

// A tree has names of its own for the files that a store has lent, and keeps them when the store drops its
// own.
BOOST_AUTO_TEST_CASE(gives_nobody_a_tree_that_may_have_a_file_found_damaged) {
  begin(1 << 20);
  auto used = get(1);
  (void)get(2);
  auto begun = borrow(3);
  BOOST_REQUIRE(begun.has_value());
  BOOST_TEST(!begun->tree);
  caf::anon_send(cache, distrust_trees{});
  BOOST_TEST(!borrow(1)->tree);
  BOOST_TEST(!borrow(2)->tree);
  // Of files that were lent before: for its maker alone.
  std::atomic<bool> never{false};
  auto made = build(3, never);
  BOOST_REQUIRE(made.has_value());
  auto kept = ask<granted_tree>(system, cache, keep_tree{std::move(*made), nullptr, std::move(begun->lease)});
  BOOST_REQUIRE(kept.has_value());
  BOOST_TEST(is_whole(*kept->tree, 3));
  BOOST_TEST(!borrow(3)->tree);
  BOOST_TEST(is_whole(*used, 1));
  used.reset();
  *kept = {};
  wait_until_there_are(0);
  BOOST_TEST(is_whole(*get(1), 1));
}

// What nobody reads may rot: its store reads its files again within a week, and so are they linked anew.
BOOST_AUTO_TEST_CASE(makes_a_tree_anew_that_was_made_long_ago) {
  using namespace std::chrono_literals;
  begin(1 << 20);
  std::atomic<bool> never{false};
  for (int variant = 0;
       const auto age : {wall_time::duration(167h), wall_time::duration(169h), wall_time::duration(-1h)}) {
    auto granted = borrow(variant);
    BOOST_REQUIRE(granted.has_value());
    auto made =
        shelf->build({name_of(variant), tree_of(variant), nullptr, {}, env.time->wall() - age}, never);
    BOOST_REQUIRE(made.has_value());
    BOOST_TEST(
        ask<granted_tree>(system, cache, keep_tree{std::move(*made), nullptr, std::move(granted->lease)})
            .has_value());
    BOOST_TEST((borrow(variant)->tree != nullptr) == (age == wall_time::duration(167h)));
    ++variant;
  }
}

// F15: eight who ask at once, and room for three trees of eleven.
BOOST_AUTO_TEST_CASE(never_shows_a_part_of_a_tree_and_loses_no_pin) {
  begin(3 * tree_bytes + 100);
  const char* wanted = std::getenv("KILN_ROUNDS");
  const int rounds = wanted != nullptr ? std::atoi(wanted) : 1500;
  std::atomic<int> next{0}, whole{0}, given_up{0}, wrong{0};
  std::vector<std::thread> all;
  for (unsigned thread = 0; thread < 8; ++thread)
    all.emplace_back([&, thread] {
      std::mt19937 random(thread);
      while (next++ < rounds) {
        const int variant = static_cast<int>(random() % 11);
        auto granted = borrow(variant);
        if (!granted) {
          ++wrong;
          continue;
        }
        if (!granted->tree) {
          std::atomic<bool> stop{random() % 4 == 0};
          auto made = build(variant, stop);
          if (!made || random() % 8 == 0) {
            ++given_up;
            continue;
          }
          granted = ask<granted_tree>(system, cache,
                                      keep_tree{std::move(*made), nullptr, std::move(granted->lease)});
        }
        ++(granted && granted->tree && is_whole(*granted->tree, variant) ? whole : wrong);
      }
    });
  for (auto& one : all) one.join();
  BOOST_TEST(wrong == 0);
  BOOST_TEST(whole + given_up == rounds);
  BOOST_TEST((given_up > 0 && whole > given_up));
  // All pins are back: so there is room for three, and the rest is gone.
  (void)get(100);
  wait_until_there_are(3);
  while (figure("kiln_worker_kept_trees") != 3) (void)get(100);
  BOOST_TEST(figure("kiln_worker_kept_tree_bytes") == 3 * tree_bytes);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
