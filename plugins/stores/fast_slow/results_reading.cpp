#include <utility>

#include "plugins/stores/fast_slow/joining_source.hpp"
#include "plugins/stores/fast_slow/results_state.hpp"

namespace kiln::fast_slow {
namespace {

bool is_down(const error& why) {
  return why.code() == errc::unavailable;
}

}  // namespace

caf::result<blob_content> results_state::take(read_blob& order) {
  auto asker = owe<read_blob>();
  if (!reads_fast_first(order.blob)) {
    read_slow_first(order, asker);
    return asker;
  }
  ask(fast(), order, [this, asker, order](expected<blob_content> found) mutable {
    if (found) return asker.deliver(std::move(found));
    may_fill(order.blob) ? read_and_fill(order, asker) : ask(slow(), order, asker);
  });
  return asker;
}

// Only a store that hangs or is away leaves the word to the other one: what it says itself is the truth.
void results_state::read_slow_first(const read_blob& order, answer<blob_content> asker) {
  ask(slow(), order, [this, asker, order](expected<blob_content> found) mutable {
    if (found || !is_down(found.error()) || rule_ != rule::slow_first) return asker.deliver(std::move(found));
    ask(fast(), order, [asker, found = std::move(found)](expected<blob_content> old) mutable {
      asker.deliver(old ? std::move(old) : std::move(found));
    });
  });
}

// A result that does not come in one piece stays where it is.
void results_state::read_and_fill(const read_blob& order, answer<blob_content> asker) {
  auto change = begin_change({order.blob}, 1);
  ask(slow(), order, [this, asker, order, change](expected<blob_content> found) mutable {
    const bool is_all = found && !found->rest && order.offset == 0 && order.limit == 0;
    if (!is_all) {
      note(change, {receipt()});
      return asker.deliver(std::move(found));
    }
    write_blobs fill{{{order.blob, found->head.flatten()}}, order.until};
    asker.deliver(std::move(found));
    ask_each(fast(), std::move(fill),
             [this, change](const double_batch::results& kept) { note(change, kept); });
  });
}

/// A batch that was asked for: what came so far, and what one store has left to the other.
struct results_state::batch_read {
  read_blobs order;
  answer<blob_batch> asker;
  blob_batch found;
  std::vector<std::size_t> first;   ///< places that the fast store is asked for first
  std::vector<std::size_t> second;  ///< those that the slow one is asked for

  read_blobs of(const std::vector<std::size_t>& places) const {
    read_blobs some{{}, order.until};
    for (const std::size_t at : places) some.blobs.push_back(order.blobs[at]);
    return some;
  }
};

caf::result<blob_batch> results_state::take(read_blobs& order) {
  auto asker = owe<read_blobs>();
  auto batch = std::make_shared<batch_read>(batch_read{std::move(order), asker, {}, {}, {}});
  const auto& actions = batch->order.blobs;
  batch->found.results.resize(actions.size());
  for (std::size_t i = 0; i < actions.size(); ++i)
    (reads_fast_first(actions[i]) ? batch->first : batch->second).push_back(i);
  ask_each(fast(), batch->of(batch->first), [this, batch](std::vector<expected<bytes>> found) {
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (!found[i])
        batch->second.push_back(batch->first[i]);
      else
        batch->found.results[batch->first[i]] = std::move(found[i]);
    }
    read_second(batch);
  });
  return asker;
}

void results_state::read_second(const std::shared_ptr<batch_read>& batch) {
  std::vector<std::size_t> filling;
  std::vector<digest> actions;
  for (const std::size_t at : batch->second) {
    const digest& action = batch->order.blobs[at];
    if (!may_fill(action)) continue;
    filling.push_back(at);
    actions.push_back(action);
  }
  auto change = begin_change(std::move(actions), 1);
  ask_each(slow(), batch->of(batch->second), [=, this](std::vector<expected<bytes>> found) {
    for (std::size_t i = 0; i < found.size(); ++i)
      batch->found.results[batch->second[i]] = std::move(found[i]);
    fill(*batch, filling, change);
    rule_ == rule::slow_first ? read_old(batch) : batch->asker.deliver(std::move(batch->found));
  });
}

void results_state::fill(const batch_read& batch, const std::vector<std::size_t>& places,
                         const std::shared_ptr<change>& what) {
  write_blobs some{{}, batch.order.until};
  auto outcomes = std::make_shared<double_batch::results>(places.size());
  std::vector<std::size_t> filled;  // in `places`
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto& found = batch.found.results[places[i]];
    if (!found) continue;
    some.entries.push_back({batch.order.blobs[places[i]], *found});
    filled.push_back(i);
  }
  ask_each(fast(), std::move(some), [=, this](double_batch::results kept) {
    for (std::size_t i = 0; i < kept.size(); ++i) (*outcomes)[filled[i]] = std::move(kept[i]);
    note(what, *outcomes);
  });
}

void results_state::read_old(const std::shared_ptr<batch_read>& batch) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < batch->found.results.size(); ++i)
    if (const auto& one = batch->found.results[i]; !one && is_down(one.error())) places.push_back(i);
  ask_each(fast(), batch->of(places), [batch, places](std::vector<expected<bytes>> old) {
    for (std::size_t i = 0; i < old.size(); ++i)
      if (old[i]) batch->found.results[places[i]] = std::move(old[i]);
    batch->asker.deliver(std::move(batch->found));
  });
}

}  // namespace kiln::fast_slow
