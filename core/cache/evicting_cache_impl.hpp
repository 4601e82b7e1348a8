#pragma once

#include <algorithm>

#include "core/cache/evicting_cache.hpp"

/// The longer members of evicting_cache, which includes this.
namespace kiln {

/// What one insert_many takes in is not in the order until all is there: none can be a victim of another.
template <class Key, class Value, class Hash>
class evicting_cache<Key, Value, Hash>::stage {
public:
  stage(evicting_cache& cache, std::size_t entries) : cache_(cache) {
    all_.reserve(2 * entries);
    cache.stage_ = this;
  }
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;
  ~stage() {
    cache_.stage_ = nullptr;
    for (auto [one, how] : all_)
      if (one->held && !cache_.holds_.of(key_of(*one)).held) cache_.free(*one, how);
  }
  void take(entry& one, arrival how) noexcept {
    cache_.hold(one);
    all_.emplace_back(&one, how);
  }

private:
  evicting_cache& cache_;
  std::vector<std::pair<entry*, arrival>> all_;
};

template <class Key, class Value, class Hash>
expected<void> evicting_cache<Key, Value, Hash>::could_fit(std::uint64_t weight) const {
  if (weight <= limits_.max_weight && limits_.max_entries > 0) return {};
  return fail(errc::resource_exhausted, "an entry of {} does not fit a cache of {}", weight,
              limits_.max_weight);
}

template <class Key, class Value, class Hash>
expected<void> evicting_cache<Key, Value, Hash>::put(Key&& key, Value&& value, std::uint64_t weight,
                                                     arrival how) {
  if (auto fit = could_fit(weight); !fit) return fit;
  leavers gone(evicted_);
  const auto at = now();
  place(std::move(key), std::move(value), weight, how, at, gone, cleared_at_once);
  return {};
}

template <class Key, class Value, class Hash>
std::vector<expected<void>> evicting_cache<Key, Value, Hash>::insert_many(std::vector<item> items) {
  std::vector<expected<void>> results;
  results.reserve(items.size());
  {
    leavers gone(evicted_, slots_);
    stage together(*this, items.size());
    const auto at = now();
    clear_away(cleared_at_once, at, gone);
    for (const item& one : items)
      if (const auto known = slots_.find(one.key); known != slots_.end() && !known->second.held) {
        order_->remove(known->second);
        together.take(known->second, arrival::again);
      }
    for (auto& [key, value, weight] : items) {
      if (held_.weight() > limits_.max_weight - std::min(weight, limits_.max_weight) ||
          held_.size() >= limits_.max_entries)
        break;
      results.push_back(could_fit(weight));
      if (results.back()) place(std::move(key), std::move(value), weight, arrival::fresh, at, gone, 0);
    }
  }
  // They do not all fit at once.
  while (results.size() < items.size()) {
    auto& [key, value, weight] = items[results.size()];
    results.push_back(put(std::move(key), std::move(value), weight, arrival::fresh));
  }
  return results;
}

template <class Key, class Value, class Hash>
void evicting_cache<Key, Value, Hash>::place(Key&& key, Value&& value, std::uint64_t weight, arrival how,
                                             steady_time at, leavers& gone, std::size_t cleared) {
  if (const auto old = slots_.find(key); old != slots_.end())
    return replace(old->second, std::move(key), std::move(value), weight, at, gone, cleared);
  order_->expect(slots_.size() + 1);
  clear_away(cleared, at, gone);
  make_room(weight, 1, at, gone);
  entry& fresh = slots_.try_emplace(std::move(key), std::move(value)).first->second;
  fresh.weight = weight;
  fresh.hash = hash_of(key_of(fresh));
  link(fresh, how, at);
}

// While it stands in no line it cannot be its own victim, and a pin of it may end unnoticed.
template <class Key, class Value, class Hash>
void evicting_cache<Key, Value, Hash>::replace(entry& which, Key&& key, Value&& value, std::uint64_t weight,
                                               steady_time at, leavers& gone, std::size_t cleared) {
  gone.expect_one();
  unlink(which);
  gone.add(std::move(key), std::exchange(which.value, std::move(value)), eviction::replaced);
  which.weight = weight;
  replaced_ = &which;
  try {
    clear_away(cleared, at, gone);
    make_room(weight, 0, at, gone);
  } catch (...) {
    replaced_ = nullptr;
    link(which, arrival::again, at);
    throw;
  }
  replaced_ = nullptr;
  link(which, arrival::again, at);
}

template <class Key, class Value, class Hash>
Value* evicting_cache<Key, Value, Hash>::find(const Key& key) {
  const auto found = slots_.find(key);
  if (found == slots_.end()) return nullptr;
  entry& one = found->second;
  const auto at = now();
  if (idle(one, at)) {
    leavers gone(evicted_);
    detach(found, eviction::idle, gone);
    return nullptr;
  }
  one.used = at;
  if (!one.held) order_->use(one);
  return &one.value;
}

template <class Key, class Value, class Hash>
const Value* evicting_cache<Key, Value, Hash>::peek(const Key& key) const {
  const auto found = slots_.find(key);
  return found == slots_.end() || idle(found->second, now()) ? nullptr : &found->second.value;
}

template <class Key, class Value, class Hash>
std::size_t evicting_cache<Key, Value, Hash>::touch(std::span<const Key> keys) {
  std::size_t count = 0;
  for (const Key& key : keys) count += find(key) != nullptr;
  return count;
}

template <class Key, class Value, class Hash>
bool evicting_cache<Key, Value, Hash>::erase(const Key& key) {
  leavers gone(evicted_);
  const auto found = find_fresh(key, now(), gone);
  if (found == slots_.end()) return false;
  detach(found, eviction::erased, gone);
  return true;
}

template <class Key, class Value, class Hash>
std::size_t evicting_cache<Key, Value, Hash>::expire(std::size_t most) {
  leavers gone(evicted_);
  const auto at = now();
  if (end_pins(most, at) > 0) make_room(0, 0, at, gone);
  return reap(most, at, gone);
}

template <class Key, class Value, class Hash>
std::uint64_t evicting_cache<Key, Value, Hash>::shed(std::uint64_t weight) {
  leavers gone(evicted_);
  const auto at = now();
  const std::uint64_t before = weight_;
  while (before - weight_ < weight && evict_next(0, 0, at, gone)) {
  }
  return before - weight_;
}

template <class Key, class Value, class Hash>
void evicting_cache<Key, Value, Hash>::link(entry& one, arrival how, steady_time at) noexcept {
  const hold_state wanted = holds_.of(key_of(one));
  one.used = at;
  weight_ += one.weight;
  count_pinned(one, wanted.pinned);
  if (wanted.held)
    hold(one);
  else if (stage_ != nullptr)
    stage_->take(one, how);
  else
    order_->add(one, how);
}

template <class Key, class Value, class Hash>
void evicting_cache<Key, Value, Hash>::unlink(entry& one) noexcept {
  weight_ -= one.weight;
  count_pinned(one, false);
  if (std::exchange(one.held, false))
    held_.remove(one);
  else
    order_->remove(one);
}

// Only the entry that was asked for is reaped: a read must not pay for its neighbours.
template <class Key, class Value, class Hash>
auto evicting_cache<Key, Value, Hash>::find_fresh(const Key& key, steady_time at, leavers& gone) ->
    typename slots::iterator {
  const auto found = slots_.find(key);
  if (found == slots_.end() || !idle(found->second, at)) return found;
  detach(found, eviction::idle, gone);
  return slots_.end();
}

template <class Key, class Value, class Hash>
void evicting_cache<Key, Value, Hash>::detach(typename slots::iterator which, eviction reason,
                                              leavers& gone) {
  gone.expect_one();
  unlink(which->second);
  auto node = slots_.extract(which);
  gone.add(std::move(node.key()), std::move(node.mapped().value), reason);
}

template <class Key, class Value, class Hash>
bool evicting_cache<Key, Value, Hash>::evict_next(std::uint64_t weight, std::uint64_t entries, steady_time at,
                                                  leavers& gone) {
  evictable* victim = order_->next(weight, entries);
  if (!victim && end_pins(1, at) > 0) victim = order_->next(weight, entries);
  if (victim) evict(*victim, eviction::capacity, gone);
  return victim != nullptr;
}

template <class Key, class Value, class Hash>
void evicting_cache<Key, Value, Hash>::make_room(std::uint64_t weight, std::uint64_t entries, steady_time at,
                                                 leavers& gone) {
  while (!fits(weight, entries) && evict_next(weight, entries, at, gone)) {
  }
}

// Looks at the old end of each line only: behind an entry that was moved back an older one may hide, which
// leaves when it is asked for, or when it is its turn.
template <class Key, class Value, class Hash>
std::size_t evicting_cache<Key, Value, Hash>::reap(std::size_t most, steady_time at, leavers& gone) {
  std::size_t count = 0;
  if (limits_.max_idle <= duration::zero()) return count;
  for (auto& line : order_->lines())
    for (evictable* first = line.front(); count < most && first && idle(entry_of(*first), at); ++count) {
      evict(*first, eviction::idle, gone);
      first = line.front();
    }
  return count;
}

}  // namespace kiln
