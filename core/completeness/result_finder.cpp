#include "core/completeness/result_finder.hpp"

#include <memory>
#include <utility>

#include "core/observe/memory_budget.hpp"

namespace kiln {
namespace {

// As often as an existence cache (decision 46) says that something is in use.
constexpr duration touch_every = std::chrono::seconds(30);
// The part of a store that may be new before what is in use is said to be so again: what was used before that
// is still far from the end at which blobs leave.
constexpr std::uint64_t slack_part = 128;
// What a blob weighs beside its bytes, where stores count those.
constexpr std::uint64_t blob_weight = 4096;
constexpr std::size_t touched_at_once = 4096;
constexpr std::size_t touches_at_once = 16;

}  // namespace

result_finder::result_finder(store_asker& asker, finder_options options)
    : asker_(asker),
      options_(std::move(options)),
      index_({options_.stores.check_completeness ? options_.index_bytes : 0, touch_every},
             *options_.env.time),
      stats_(*options_.env.metrics, options_.name) {
  if (options_.index_bytes == 0 || !options_.stores.check_completeness) return;
  claim_memory(options_.env.metrics, {options_.name, "index_memory", options_.index_bytes});
  learn_capacity();
}

// Until it is known, whatever is answered is said to be in use.
void result_finder::learn_capacity() {
  asker_.ask(options_.stores.content, measure_store{}, [this](const expected<store_stats>& stats) {
    if (!stats) return;
    index_.set_slack(stats->capacity == 0 ? std::nullopt
                                          : std::optional<std::uint64_t>(stats->capacity / slack_part));
  });
}

const completeness_index::entry* result_finder::known(const digest& key, digest_function function) {
  const auto* one = index_.find(key, function);
  if (one == nullptr) return nullptr;
  if (index_.is_due(*one) && !touch(*one)) return nullptr;
  stats_.known.add(1);
  return one;
}

std::shared_ptr<result_lookup> result_finder::lookup_of(const wanted_result& wanted, outcome then,
                                                        abandoned is_over) {
  stats_.walked.add(1);
  // Its blobs are asked for, and its record is not read.
  if (index_.find(wanted.key, wanted.indexed_as()) != nullptr) touch_soon(wanted.key);
  auto ended = [this, then = std::move(then)](looked_up found) {
    if (list_ && found.state == result_state::complete)
      list_->note_change([this] { return index_.used_last(known_results::most); });
    stats_.results.set(static_cast<double>(index_.results()));
    stats_.bytes.set(static_cast<double>(index_.bytes_used()));
    then(std::move(found));
  };
  return std::make_shared<result_lookup>(asker_, options_.stores, index_, wanted, std::move(ended),
                                         std::move(is_over));
}

void result_finder::find(const wanted_result& wanted, outcome then, abandoned is_over) {
  lookup_of(wanted, std::move(then), std::move(is_over))->start();
}

void result_finder::find_all(const std::vector<digest>& keys, order_deadline until,
                             std::function<void(std::vector<looked_up>)> then) {
  struct meeting {
    std::vector<looked_up> all;
    std::size_t open = 1;  // one more than are looked up, so that nothing is over before all were begun
    std::function<void(std::vector<looked_up>)> then;

    void close() {
      if (--open == 0) then(std::move(all));
    }
  };
  auto met = std::make_shared<meeting>();
  met->all.resize(keys.size());
  met->then = std::move(then);
  auto lookups = std::make_shared<std::vector<std::shared_ptr<result_lookup>>>();
  read_blobs records{{}, until};
  for (std::size_t i = 0; i < keys.size(); ++i) {
    ++met->open;
    auto one = lookup_of({keys[i], {}, false, until},
                         [met, i](looked_up found) {
                           met->all[i] = std::move(found);
                           met->close();
                         },
                         {});
    if (!one->begin()) continue;
    records.blobs.push_back(keys[i]);
    lookups->push_back(std::move(one));
  }
  met->close();
  if (lookups->empty()) return;
  asker_.ask(options_.stores.results, std::move(records), [lookups](expected<blob_batch> batch) {
    for (std::size_t i = 0; i < lookups->size(); ++i) {
      auto one = std::exchange((*lookups)[i], nullptr);
      if (!one) continue;
      if (!batch)
        one->go_on(failure(batch.error()));
      else if (i < batch->results.size())
        one->go_on(std::move(batch->results[i]));
      else
        one->go_on(fail(errc::internal, "the store answered with another batch"));
    }
  });
}

void result_finder::remember() {
  if (options_.index_bytes == 0 || list_) return;
  list_.emplace(asker_, options_.stores.results, options_.name);
  list_->read([this](known_results::names all) {
    recall(std::make_shared<const known_results::names>(std::move(all)), 0);
  });
}

// One after the other, so that clients hardly notice.
void result_finder::recall(const std::shared_ptr<const known_results::names>& all, std::size_t next) {
  if (next >= all->size()) return;
  const auto& one = (*all)[next];
  wanted_result wanted{one.key, one.function};
  if (options_.guesses_functions) wanted.function.reset();
  find(wanted,
       [this, all, next](const looked_up&) { asker_.later([this, all, next] { recall(all, next + 1); }); });
}

bool result_finder::touch(const completeness_index::entry& one) {
  if (one.count() > touched_at_once) return false;
  if (used_blobs_.size() + one.count() > touched_at_once || used_results_.size() == touched_at_once)
    touch_now();
  if (touches_ >= touches_at_once) return false;
  auto blobs = index_.blobs_of(one);
  used_blobs_.insert(used_blobs_.end(), blobs.begin(), blobs.end());
  index_.note_touched(one);
  touch_soon(one.key());
  return true;
}

// With those of all who are waiting for their results already.
void result_finder::touch_soon(const digest& result) {
  used_results_.push_back(result);
  if (std::exchange(will_touch_, true)) return;
  asker_.later([this] {
    will_touch_ = false;
    touch_now();
  });
}

void result_finder::touch_now() {
  if (!used_blobs_.empty()) touch(options_.stores.content, std::exchange(used_blobs_, {}));
  if (!used_results_.empty()) touch(options_.stores.results, std::exchange(used_results_, {}));
}

void result_finder::touch(const store_actor& whom, std::vector<digest> blobs) {
  ++touches_;
  auto all = std::make_shared<const std::vector<digest>>(std::move(blobs));
  const bool are_results = whom == options_.stores.results;
  auto gone = [this, are_results](const std::vector<digest>& those) {
    for (const auto& one : those) drop(are_results ? index_.drop_result(one) : index_.drop_blob(one));
  };
  // Whoever was answered has gone on, so it bears none of their times.
  asker_.ask(
      whom, find_missing{*all, options_.env.time->now() + touch_every},
      [this, all, gone, counted = std::make_shared<bool>(false)](const expected<missing_blobs>& missing) {
        if (!std::exchange(*counted, true)) --touches_;
        // Who does not answer may have lost them.
        gone(missing ? missing->blobs : *all);
      });
}

void result_finder::hear(const blobs_stored& news) {
  for (const auto& blob : news.blobs) {
    drop(index_.drop_result(blob) ? 1 : 0);
    index_.note_stored(static_cast<std::uint64_t>(blob.size) + blob_weight);
  }
}

// Either store's, for nothing but a walk is lost where a name of one kind is one of the other.
void result_finder::hear(const blobs_evicted& news) {
  for (const auto& blob : news.blobs) drop((index_.drop_result(blob) ? 1 : 0) + index_.drop_blob(blob));
}

void result_finder::drop(std::size_t results) {
  if (results == 0) return;
  stats_.dropped.add(results);
  stats_.results.set(static_cast<double>(index_.results()));
  stats_.bytes.set(static_cast<double>(index_.bytes_used()));
}

}  // namespace kiln
