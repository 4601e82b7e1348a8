#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/completeness/completeness_index.hpp"
#include "core/completeness/finder_stats.hpp"
#include "core/completeness/known_results.hpp"
#include "core/completeness/result_lookup.hpp"
#include "core/plugin/environment.hpp"

namespace kiln {

struct finder_options {
  environment env;
  result_stores stores;
  std::uint64_t index_bytes = 0;   ///< 0: every result is walked
  std::string name;                ///< for the metrics
  bool guesses_functions = false;  ///< nobody says of which function the digests in results are
};

/// Finds results that are complete: out of the index where that knows, by a walk where it does not. What is
/// answered from memory is told to the stores as used: at once, before the asker can go on, and not again
/// until some time has passed or something has come into the store that might push it out. What cannot be
/// told at once is asked for instead, which is a use, too. Lives in the state of an actor that passes it the
/// news of both stores.
class result_finder {
public:
  using outcome = result_lookup::outcome;
  using abandoned = result_lookup::abandoned;

  result_finder(store_asker& asker, finder_options options);
  result_finder(const result_finder&) = delete;
  result_finder& operator=(const result_finder&) = delete;

  /// What is known to be complete, in use from now on. Null: `find` it. Good until the actor does anything
  /// else.
  const completeness_index::entry* known(const digest& key, digest_function function);
  void find(const wanted_result& wanted, outcome then, abandoned is_over = {});
  /// Several, whose records are read as one batch; in the order asked. The asker bounds their sum.
  void find_all(const std::vector<digest>& keys, order_deadline until,
                std::function<void(std::vector<looked_up>)> then);

  /// The result is about to be written, or was.
  void note_writing(const digest& key) { drop(index_.drop_result(key) ? 1 : 0); }
  void hear(const blobs_stored& news);
  void hear(const blobs_evicted& news);
  /// One of the stores is gone, and with it its news.
  void forget_all() { index_.drop_all(); }

  /// Enters again what an earlier process knew, one result after the other; and keeps a list of what is known
  /// in the store of results, for the next one.
  void remember();

  completeness_index& index() noexcept { return index_; }
  const result_stores& stores() const noexcept { return options_.stores; }

private:
  bool touch(const completeness_index::entry& one);
  void touch_soon(const digest& result);
  std::shared_ptr<result_lookup> lookup_of(const wanted_result& wanted, outcome then, abandoned is_over);
  void touch_now();
  void touch(const store_actor& whom, std::vector<digest> blobs);
  void learn_capacity();
  void recall(const std::shared_ptr<const known_results::names>& all, std::size_t next);
  void drop(std::size_t results);

  store_asker& asker_;
  const finder_options options_;
  completeness_index index_;
  finder_stats stats_;
  std::optional<known_results> list_;
  std::vector<digest> used_results_;  // since the last touch
  std::vector<digest> used_blobs_;
  bool will_touch_ = false;
  std::size_t touches_ = 0;  // under way
};

}  // namespace kiln
