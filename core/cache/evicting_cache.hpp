#pragma once

#include <array>
#include <boost/container/small_vector.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/parent_from_member.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <unordered_map>
#include <utility>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"

namespace kiln {

struct eviction_limits {
  static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

  std::uint64_t max_weight = unlimited;  ///< usually bytes
  std::uint64_t max_entries = unlimited;
  duration max_idle = duration::zero();  ///< unused for so long is gone; zero is never
  std::uint64_t shelter_percent =
      50;  ///< how much of the bounds entries may hold that were used again; 0 is LRU
};

/// Why a value left.
enum class eviction : std::uint8_t { capacity, idle, replaced, erased };

/// Called exactly once for each value that leaves, when the cache is consistent again: it may call back into
/// the cache. Must not throw. Not called by the cache's destructor.
template <class Key, class Value>
using on_evict = std::function<void(const Key&, Value&&, eviction)>;

/// Bounded map that forgets what is used least. Every newcomer is admitted, for a blob that was acknowledged
/// must not vanish; what was used a second time moves to a sheltered segment, so that one long scan cannot
/// empty the cache of what is used daily (docs/decisions/0007). Within a segment the order is that of use.
///
/// Pins are counted by key, may come before the entry and outlive it. A pinned entry is never evicted and
/// never idle, so the cache exceeds its bounds while all it holds is pinned: whoever grants pins bounds them,
/// by pinned_weight().
///
/// Confined to one actor: no locks inside. Every operation is O(1) a key, plus O(1) an eviction.
template <class Key, class Value, class Hash = std::hash<Key>>
class evicting_cache {
public:
  /// `time` must outlive the cache; asked only if there is a bound on idleness.
  evicting_cache(eviction_limits limits, const clock& time, on_evict<Key, Value> evicted = {})
      : limits_(limits), time_(time), evicted_(std::move(evicted)) {}
  evicting_cache(const evicting_cache&) = delete;
  evicting_cache& operator=(const evicting_cache&) = delete;
  ~evicting_cache() {
    for (auto& segment : segments_) segment.line.clear();
  }

  /// Takes the value in as used last, and evicts others until it fits. A value that was there under the key
  /// leaves as replaced. RESOURCE_EXHAUSTED, with nothing changed, if it could not fit even alone.
  expected<void> insert(Key key, Value value, std::uint64_t weight);

  /// Counts as a use. The pointer is good until the entry leaves; nullptr if there is none.
  Value* find(const Key& key);
  /// Does not count as a use.
  const Value* peek(const Key& key) const;
  bool contains(const Key& key) const { return peek(key) != nullptr; }
  /// Uses all of them that are there, the last key last. How many there were.
  std::size_t touch(std::span<const Key> keys);

  /// Also a pinned entry; its pins stay with the key. False if there was none.
  bool erase(const Key& key);

  /// Keeps what is or will be there under the key, until as many unpins.
  void pin(const Key& key);
  /// The last one counts as a use, and evicts what exceeds the bounds. False if the key was not pinned.
  bool unpin(const Key& key);
  bool pinned(const Key& key) const { return pins_.contains(key); }

  /// Evicts what has been idle for too long, at most `most` entries, oldest first. How many.
  std::size_t expire(std::size_t most);
  /// Evicts at least this weight, or all that is not pinned: for when the disk is fuller than the cache. How
  /// much.
  std::uint64_t shed(std::uint64_t weight);

  /// Room for so many entries at once, sparing their owner the pause of growing step by step.
  void reserve(std::size_t entries) { slots_.reserve(entries); }

  std::size_t size() const noexcept { return slots_.size(); }
  std::uint64_t weight() const noexcept { return weight_; }
  std::uint64_t pinned_weight() const noexcept { return of(place::pinned).weight; }

  /// visit(key, value, weight) in the order in which they would leave, pinned ones last. It must not change
  /// the cache. Inserted into an empty cache in this order, they keep it, up to the shelter.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& segment : segments_)
      for (const auto& entry : segment.line) visit(key_of(entry), entry.value, entry.weight);
  }

private:
  enum class place : std::uint8_t { trial, shelter, pinned };  // in the order of leaving

  using hook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>;

  struct entry {
    entry(Value content, std::uint64_t size) : value(std::move(content)), weight(size) {}

    Value value;
    std::uint64_t weight;
    steady_time used{};
    hook link{};
    place where = place::trial;
  };

  using slots = std::unordered_map<Key, entry, Hash>;
  using slot = typename slots::value_type;
  using line_of_entries =
      boost::intrusive::list<entry, boost::intrusive::member_hook<entry, hook, &entry::link>,
                             boost::intrusive::constant_time_size<true>>;

  struct segment {
    line_of_entries line;  // used last at the back
    std::uint64_t weight = 0;
  };

  struct leaver {
    typename slots::node_type node;
    eviction reason;
  };
  using leavers = boost::container::small_vector<leaver, 2>;

  // Idle entries that one insert may clear away, so that none pays for a long pause.
  static constexpr std::size_t reaped_at_once = 8;

  segment& of(place where) noexcept { return segments_[static_cast<std::size_t>(where)]; }
  const segment& of(place where) const noexcept { return segments_[static_cast<std::size_t>(where)]; }

  static const Key& key_of(const entry& element) noexcept {
    return boost::intrusive::get_parent_from_member<slot>(const_cast<entry*>(&element), &slot::second)->first;
  }

  steady_time now() const noexcept {
    return limits_.max_idle > duration::zero() ? time_.now() : steady_time{};
  }
  bool idle(const entry& element, steady_time at) const noexcept {
    return limits_.max_idle > duration::zero() && element.where != place::pinned &&
           at - element.used >= limits_.max_idle;
  }

  void link(entry& element, place where) {
    element.where = where;
    of(where).line.push_back(element);
    of(where).weight += element.weight;
    weight_ += element.weight;
  }
  void unlink(entry& element) {
    auto& from = of(element.where);
    from.line.erase(from.line.iterator_to(element));
    from.weight -= element.weight;
    weight_ -= element.weight;
  }
  void move(entry& element, place where) {
    unlink(element);
    link(element, where);
  }

  static std::uint64_t percent_of(std::uint64_t percent, std::uint64_t whole) noexcept {
    return whole / 100 * percent + whole % 100 * percent / 100;
  }
  bool fits_shelter(std::uint64_t weight, std::uint64_t entries) const noexcept {
    return weight <= percent_of(limits_.shelter_percent, limits_.max_weight) &&
           entries <= percent_of(limits_.shelter_percent, limits_.max_entries);
  }
  bool fits(std::uint64_t weight, std::uint64_t entries) const noexcept {
    return weight_ <= limits_.max_weight - weight && slots_.size() <= limits_.max_entries - entries;
  }

  void use(entry& element, steady_time at);
  void enter_shelter(entry& element);
  typename slots::iterator find_fresh(const Key& key, steady_time at, leavers& gone);

  entry* next_victim() noexcept;
  void detach(typename slots::iterator which, eviction reason, leavers& gone);
  void evict(entry& victim, eviction reason, leavers& gone) {
    detach(slots_.find(key_of(victim)), reason, gone);
  }
  void make_room(std::uint64_t weight, std::uint64_t entries, leavers& gone);
  std::size_t reap(std::size_t most, steady_time at, leavers& gone);
  void dismiss(leavers& gone);

  const eviction_limits limits_;
  const clock& time_;
  const on_evict<Key, Value> evicted_;
  slots slots_;
  std::array<segment, 3> segments_;
  std::uint64_t weight_ = 0;
  std::unordered_map<Key, std::uint32_t, Hash> pins_;  // also of keys that have no entry
};

template <class Key, class Value, class Hash>
expected<void> evicting_cache<Key, Value, Hash>::insert(Key key, Value value, std::uint64_t weight) {
  if (weight > limits_.max_weight || limits_.max_entries == 0)
    return fail(errc::resource_exhausted, "an entry of {} does not fit a cache of {}", weight,
                limits_.max_weight);
  leavers gone;
  const auto at = now();
  const auto old = slots_.find(key);
  const bool known = old != slots_.end();
  if (known) detach(old, eviction::replaced, gone);
  reap(reaped_at_once, at, gone);
  make_room(weight, 1, gone);
  const bool is_pinned = pins_.contains(key);
  entry& fresh = slots_.try_emplace(std::move(key), std::move(value), weight).first->second;
  fresh.used = at;
  link(fresh, is_pinned ? place::pinned : place::trial);
  if (known) use(fresh, at);
  dismiss(gone);
  return {};
}

template <class Key, class Value, class Hash>
Value* evicting_cache<Key, Value, Hash>::find(const Key& key) {
  leavers gone;
  const auto at = now();
  const auto found = find_fresh(key, at, gone);
  if (found == slots_.end()) {
    dismiss(gone);
    return nullptr;
  }
  use(found->second, at);
  return &found->second.value;
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
  leavers gone;
  const auto found = find_fresh(key, now(), gone);
  const bool there = found != slots_.end();
  if (there) detach(found, eviction::erased, gone);
  dismiss(gone);
  return there;
}

template <class Key, class Value, class Hash>
void evicting_cache<Key, Value, Hash>::pin(const Key& key) {
  if (++pins_[key] > 1) return;
  leavers gone;
  const auto found = find_fresh(key, now(), gone);
  if (found != slots_.end()) move(found->second, place::pinned);
  dismiss(gone);
}

template <class Key, class Value, class Hash>
bool evicting_cache<Key, Value, Hash>::unpin(const Key& key) {
  const auto held = pins_.find(key);
  if (held == pins_.end()) return false;
  if (--held->second > 0) return true;
  leavers gone;
  const auto found = slots_.find(key);
  pins_.erase(held);
  if (found != slots_.end()) {
    found->second.used = now();
    enter_shelter(found->second);
    make_room(0, 0, gone);
  }
  dismiss(gone);
  return true;
}

template <class Key, class Value, class Hash>
std::size_t evicting_cache<Key, Value, Hash>::expire(std::size_t most) {
  leavers gone;
  const std::size_t count = reap(most, now(), gone);
  dismiss(gone);
  return count;
}

template <class Key, class Value, class Hash>
std::uint64_t evicting_cache<Key, Value, Hash>::shed(std::uint64_t weight) {
  leavers gone;
  const std::uint64_t before = weight_;
  while (before - weight_ < weight) {
    entry* victim = next_victim();
    if (!victim) break;
    evict(*victim, eviction::capacity, gone);
  }
  const std::uint64_t freed = before - weight_;
  dismiss(gone);
  return freed;
}

template <class Key, class Value, class Hash>
void evicting_cache<Key, Value, Hash>::use(entry& element, steady_time at) {
  element.used = at;
  if (element.where != place::pinned) enter_shelter(element);
}

// What is too heavy for the shelter stays outside, or it would drive everything else out.
template <class Key, class Value, class Hash>
void evicting_cache<Key, Value, Hash>::enter_shelter(entry& element) {
  move(element, fits_shelter(element.weight, 1) ? place::shelter : place::trial);
  auto& shelter = of(place::shelter);
  while (!fits_shelter(shelter.weight, shelter.line.size())) move(shelter.line.front(), place::trial);
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
auto evicting_cache<Key, Value, Hash>::next_victim() noexcept -> entry* {
  for (auto where : {place::trial, place::shelter})
    if (auto& line = of(where).line; !line.empty()) return &line.front();
  return nullptr;
}

template <class Key, class Value, class Hash>
void evicting_cache<Key, Value, Hash>::detach(typename slots::iterator which, eviction reason,
                                              leavers& gone) {
  unlink(which->second);
  gone.push_back({slots_.extract(which), reason});
}

template <class Key, class Value, class Hash>
void evicting_cache<Key, Value, Hash>::make_room(std::uint64_t weight, std::uint64_t entries, leavers& gone) {
  while (!fits(weight, entries)) {
    entry* victim = next_victim();
    if (!victim) return;
    evict(*victim, eviction::capacity, gone);
  }
}

// Looks at the old end only: behind an entry that came back from the shelter an older one may hide, which
// leaves when it is asked for, or when it is its turn.
template <class Key, class Value, class Hash>
std::size_t evicting_cache<Key, Value, Hash>::reap(std::size_t most, steady_time at, leavers& gone) {
  std::size_t count = 0;
  for (auto where : {place::trial, place::shelter})
    for (auto& line = of(where).line; count < most && !line.empty() && idle(line.front(), at); ++count)
      evict(line.front(), eviction::idle, gone);
  return count;
}

// Last of all: by now the cache is consistent, and what leaves belongs to nobody but `gone`.
template <class Key, class Value, class Hash>
void evicting_cache<Key, Value, Hash>::dismiss(leavers& gone) {
  if (!evicted_) return;
  for (auto& [node, reason] : gone) evicted_(node.key(), std::move(node.mapped().value), reason);
}

}  // namespace kiln
