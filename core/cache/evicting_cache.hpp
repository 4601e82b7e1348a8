#pragma once

#include <boost/container/small_vector.hpp>
#include <boost/intrusive/parent_from_member.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/cache/eviction_limits.hpp"
#include "core/cache/hold_table.hpp"
#include "core/cache/victim_order.hpp"

namespace kiln {

/// Why a value left.
enum class eviction : std::uint8_t { capacity, idle, replaced, erased };

/// Called exactly once for each value that leaves, when the cache is consistent again and, but for
/// `replaced`, has nothing under the key: it may call back into the cache. Must not throw. Not called by the
/// cache's destructor.
template <class Key, class Value>
using on_evict = std::function<void(const Key&, Value&&, eviction)>;

/// Bounded map that forgets. Who leaves is chosen by a policy (eviction_policy); every newcomer is admitted,
/// for a blob that was acknowledged must not vanish.
///
/// What is held never leaves by itself, neither for room nor for idleness. A lease is counted, may come
/// before the entry and lasts until it is released; so the cache exceeds its bounds while all in it is
/// leased, and whoever grants leases bounds them, by held_weight(). A pin has an owner, ends by itself, and
/// is refused when pins would hold more than their share. Both stay with the key when its entry is replaced
/// or erased.
///
/// Confined to one actor: no locks inside. Every operation is O(1) a key, plus O(1) an eviction; pins take
/// O(log pins). Weights are 64 bits and exact after every call, also after one that throws: memory is all
/// that can, and what had to leave before that has left.
template <class Key, class Value, class Hash = std::hash<Key>>
class evicting_cache {
public:
  /// `time` must outlive the cache; asked only if there is a bound on idleness, and for pins.
  evicting_cache(eviction_limits limits, const clock& time, on_evict<Key, Value> evicted = {})
      : limits_(limits),
        for_pins_(limits, limits.pins.percent),
        time_(time),
        evicted_(std::move(evicted)),
        order_(make_victim_order(limits)) {}
  evicting_cache(const evicting_cache&) = delete;
  evicting_cache& operator=(const evicting_cache&) = delete;

  /// Takes the value in as used last, and evicts others until it fits. A value that was there under the key
  /// leaves as replaced. RESOURCE_EXHAUSTED, with nothing changed, if it could not fit even alone.
  expected<void> insert(Key key, Value value, std::uint64_t weight) {
    return put(std::move(key), std::move(value), weight, arrival::fresh);
  }
  struct item {
    Key key;
    Value value;
    std::uint64_t weight = 0;
  };
  /// Many at once, in one pass: room is made for as many of them together as fit beside what is held, so none
  /// leaves for another one that came with it. The key that comes twice has room made for both.
  std::vector<expected<void>> insert_many(std::vector<item> items);
  /// From what an earlier life saved, in the order of for_each: the same, but not a use.
  expected<void> restore(Key key, Value value, std::uint64_t weight) {
    return put(std::move(key), std::move(value), weight, arrival::restored);
  }

  /// Counts as a use. The pointer is good until the entry leaves; nullptr if there is none.
  Value* find(const Key& key);
  /// Does not count as a use.
  const Value* peek(const Key& key) const;
  bool contains(const Key& key) const { return peek(key) != nullptr; }
  /// Uses all of them that are there, the last key last. How many there were.
  std::size_t touch(std::span<const Key> keys);

  /// Also an entry that is held. False if there was none.
  bool erase(const Key& key);

  /// Keeps what is or will be there under the key, until as many releases.
  void lease(const Key& key);
  /// The last one counts as a use, and evicts what exceeds the bounds. False if there was no lease of the
  /// key.
  bool release(const Key& key);

  /// Keeps what is there for this owner, who may pin it again to start the time anew. NOT_FOUND if there is
  /// nothing, RESOURCE_EXHAUSTED if pins hold as much as they may.
  expected<void> pin(const Key& key, pin_owner owner) { return pin(key, owner, limits_.pins.timeout); }
  expected<void> pin(const Key& key, pin_owner owner, duration timeout);
  /// Counts as a use when nobody else holds it. False if the owner had no pin of the key, or it has ended.
  bool unpin(const Key& key, pin_owner owner);
  /// All that the owner has: it is gone. How many.
  std::size_t unpin_all(pin_owner owner);

  /// Leased or pinned.
  bool held(const Key& key) const { return holds_.of(key).held; }

  /// Evicts what has been idle for too long and ends the pins whose time is over, at most `most` of each,
  /// oldest first. How many were evicted.
  std::size_t expire(std::size_t most);
  /// Evicts at least this weight, or all that is not held: for when the disk is fuller than the cache. How
  /// much.
  std::uint64_t shed(std::uint64_t weight);

  /// Room for so many entries at once, sparing their owner the pause of growing step by step.
  void reserve(std::size_t entries) {
    slots_.reserve(entries);
    order_->expect(entries);
  }

  std::size_t size() const noexcept { return slots_.size(); }
  std::uint64_t weight() const noexcept { return weight_; }
  /// Of what is leased or pinned. A pin whose time is over counts until somebody needs the room.
  std::uint64_t held_weight() const noexcept { return held_.weight(); }
  std::uint64_t pinned_weight() const noexcept { return pinned_weight_; }

  /// visit(key, value, weight), about in the order in which they would leave, held ones last. It must not
  /// change the cache. Restored into an empty cache in this order, they keep it.
  template <class Visit>
  void for_each(Visit visit) const {
    auto each = [&](const entry_line& line) {
      for (const auto& one : line.entries()) visit(key_of(one), entry_of(one).value, one.weight);
    };
    for (const auto& line : std::as_const(*order_).lines()) each(line);
    each(held_);
  }

private:
  struct entry : evictable {
    explicit entry(Value content) : value(std::move(content)) {}

    bool held = false;
    bool pinned = false;
    Value value;
  };
  using slots = std::unordered_map<Key, entry, Hash>;
  class stage;

  struct leaver {
    Key key;
    Value value;
    eviction reason;
  };
  /// Tells who left, last of all: by then the cache is consistent.
  class leavers {
  public:
    explicit leavers(const on_evict<Key, Value>& evicted) noexcept : evicted_(evicted) {}
    /// Of several newcomers one may come under a key whose value has left for another one.
    leavers(const on_evict<Key, Value>& evicted, const slots& now) noexcept : evicted_(evicted), now_(&now) {}
    leavers(const leavers&) = delete;
    leavers& operator=(const leavers&) = delete;
    ~leavers() {
      if (evicted_)
        for (auto& [key, value, reason] : all_)
          evicted_(key, std::move(value), now_ && now_->contains(key) ? eviction::replaced : reason);
    }
    /// One more can be added without a need of memory.
    void expect_one() {
      if (all_.size() == all_.capacity()) all_.reserve(2 * all_.size());
    }
    void add(Key&& key, Value&& value, eviction reason) {
      all_.push_back({std::move(key), std::move(value), reason});
    }

  private:
    const on_evict<Key, Value>& evicted_;
    const slots* const now_ = nullptr;
    boost::container::small_vector<leaver, 2> all_;
  };

  // Of the idle, and of pins that are over, that one insert may clear away, so that none pays for a long
  // pause.
  static constexpr std::size_t cleared_at_once = 8;

  static entry& entry_of(evictable& one) noexcept { return static_cast<entry&>(one); }
  static const entry& entry_of(const evictable& one) noexcept { return static_cast<const entry&>(one); }
  static const Key& key_of(const evictable& one) noexcept {
    using slot = typename slots::value_type;
    auto* whole = const_cast<entry*>(&entry_of(one));
    return boost::intrusive::get_parent_from_member<slot>(whole, &slot::second)->first;
  }

  steady_time now() const noexcept {
    return limits_.max_idle > duration::zero() || holds_.pins() > 0 ? time_.now() : steady_time{};
  }
  bool idle(const entry& one, steady_time at) const noexcept {
    return limits_.max_idle > duration::zero() && !one.held && at - one.used >= limits_.max_idle;
  }
  bool fits(std::uint64_t weight, std::uint64_t entries) const noexcept {
    return weight_ <= limits_.max_weight - weight && slots_.size() <= limits_.max_entries - entries;
  }
  static std::uint32_t hash_of(const Key& key) noexcept {
    const std::uint64_t whole = Hash{}(key);
    return static_cast<std::uint32_t>(whole ^ whole >> 32);
  }
  void hold(entry& one) noexcept {
    one.held = true;
    held_.push_back(one);
  }
  void free(entry& one, arrival how) noexcept {
    one.held = false;
    held_.remove(one);
    order_->add(one, how);
  }
  void count_pinned(entry& one, bool pinned) noexcept {
    if (std::exchange(one.pinned, pinned) == pinned) return;
    pinned_weight_ += pinned ? one.weight : -one.weight;
    pinned_entries_ += pinned ? 1 : -1;
  }

  expected<void> could_fit(std::uint64_t weight) const;
  expected<void> put(Key&& key, Value&& value, std::uint64_t weight, arrival how);
  void place(Key&& key, Value&& value, std::uint64_t weight, arrival how, steady_time at, leavers& gone,
             std::size_t cleared);
  void replace(entry& which, Key&& key, Value&& value, std::uint64_t weight, steady_time at, leavers& gone,
               std::size_t cleared);
  typename slots::iterator find_fresh(const Key& key, steady_time at, leavers& gone);

  void link(entry& one, arrival how, steady_time at) noexcept;
  void unlink(entry& one) noexcept;
  void settle(entry& one, arrival how) noexcept;
  void settle_freed(const Key& key);

  void detach(typename slots::iterator which, eviction reason, leavers& gone);
  void evict(evictable& victim, eviction reason, leavers& gone) {
    detach(slots_.find(key_of(victim)), reason, gone);
  }
  bool evict_next(std::uint64_t weight, std::uint64_t entries, steady_time at, leavers& gone);
  void make_room(std::uint64_t weight, std::uint64_t entries, steady_time at, leavers& gone);
  void clear_away(std::size_t most, steady_time at, leavers& gone) {
    end_pins(most, at);
    reap(most, at, gone);
  }
  std::size_t reap(std::size_t most, steady_time at, leavers& gone);
  std::size_t end_pins(std::size_t most, steady_time at);

  const eviction_limits limits_;
  const share_of_bounds for_pins_;
  const clock& time_;
  const on_evict<Key, Value> evicted_;
  slots slots_;
  std::unique_ptr<victim_order> order_;
  entry_line held_;  // not in the order
  hold_table<Key, Hash> holds_;
  std::uint64_t weight_ = 0;
  std::uint64_t pinned_weight_ = 0;
  std::uint64_t pinned_entries_ = 0;
  stage* stage_ = nullptr;     // while insert_many is under way
  entry* replaced_ = nullptr;  // while it stands in no line
};

}  // namespace kiln

#include "core/cache/evicting_cache_holds.hpp"
#include "core/cache/evicting_cache_impl.hpp"
