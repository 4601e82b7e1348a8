#pragma once

#include <string>
#include <utility>
#include <vector>

#include "plugins/stores/shard/moving_store.hpp"
#include "plugins/stores/shard/rendezvous.hpp"
#include "plugins/stores/shard/shard_store.hpp"
#include "test/plugins/stores/kit/acting_store.hpp"

namespace kiln::test::shard_tests {

/// A shard over stores of memory, each with a conduct.
struct shards : acting_stores {
  shard_options options;

  using acting_stores::acting_stores;

  static shard_part named(const std::string& name, std::uint32_t weight = 1) { return {"", {name}, weight}; }

  /// Stores that have a name in either list are added, unless they were.
  void open_over(std::vector<shard_part> now, std::vector<shard_part> was = {}) {
    options = {std::move(now), std::move(was)};
    for (const auto* list : {&options.stores, &options.was})
      for (const auto& one : *list)
        if (!all().contains(one.store.name)) add(one.store.name);
    reopen();
  }
  void reopen() { open(spawn_shard_store(options, context("shards"))); }

  std::uint64_t moved() { return counted("kiln_shard_moved_total", "shards"); }
  std::uint64_t failed() { return counted("kiln_shard_failed_moves_total", "shards"); }
};

/// Everything moves from `old` to `fresh`.
struct moving_house : shards {
  explicit moving_house(store_role role = store_role::content, std::uint64_t seed = 1,
                        pick order = pick::oldest)
      : shards(seed, order) {
    what = role;
    open_over({named("fresh")}, {named("old")});
  }
  part& old() { return (*this)["old"]; }
  part& fresh() { return (*this)["fresh"]; }
  bool has_moved(const digest& blob) { return has("fresh", blob) && !has("old", blob); }
};

/// The same with results, whose bytes a digest does not prove.
struct moving_results : moving_house {
  explicit moving_results(std::uint64_t seed = 1, pick order = pick::oldest)
      : moving_house(store_role::results, seed, order) {}
  std::string now(const digest& action) { return read(action).value_or("none"); }
  std::string in(const std::string& name, const digest& action) {
    return read_in(name, action).value_or("none");
  }
};

}  // namespace kiln::test::shard_tests
