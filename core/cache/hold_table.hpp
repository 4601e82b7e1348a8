#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>

#include "core/base/clock.hpp"

namespace kiln {

/// Whoever has pins, by a number of its own: a client, a worker, a job.
enum class pin_owner : std::uint64_t {};

struct hold_state {
  bool held = false;
  bool pinned = false;  ///< which is being held, too
};

/// Which keys are to stay, and by whose wish. Leases are counted and end when they are released; pins have an
/// owner and a time at which they end. Both are of keys: they may come before the entry and outlive it.
///
/// What throws (memory is all that can) has changed nothing. Confined to one actor.
template <class Key, class Hash = std::hash<Key>>
class hold_table {
public:
  hold_state of(const Key& key) const noexcept {
    const auto found = keys_.empty() ? keys_.end() : keys_.find(key);
    return found == keys_.end() ? hold_state{} : hold_state{true, found->second.pins > 0};
  }
  bool pinned_by(const Key& key, pin_owner owner) const {
    const auto his = owners_.find(owner);
    return his != owners_.end() && his->second.contains(key);
  }
  std::size_t pins() const noexcept { return due_.size(); }

  void lease(const Key& key) { ++keys_[key].leases; }
  /// False if there was no lease of it.
  bool release(const Key& key) {
    const auto found = keys_.find(key);
    if (found == keys_.end() || found->second.leases == 0) return false;
    --found->second.leases;
    drop_unheld(found);
    return true;
  }

  /// One that the owner has already lasts until then instead.
  void pin(const Key& key, pin_owner owner, steady_time until);
  /// False if the owner had none of it.
  bool unpin(const Key& key, pin_owner owner);
  /// Some key that the owner has pinned; nullptr if there is none.
  const Key* any_of(pin_owner owner) const {
    const auto his = owners_.find(owner);
    return his == owners_.end() ? nullptr : &his->second.begin()->first;
  }

  /// The pin that ends first, if it has ended by then; nullptr otherwise.
  struct due_pin {
    pin_owner owner;
    const Key* key;
  };
  const due_pin* first_due(steady_time now) const {
    return due_.empty() || due_.begin()->first > now ? nullptr : &due_.begin()->second;
  }

private:
  struct hold {
    std::uint32_t leases = 0;
    std::uint32_t pins = 0;
  };
  using keys = std::unordered_map<Key, hold, Hash>;
  using ends = std::multimap<steady_time, due_pin>;
  using pins_of_owner = std::unordered_map<Key, typename ends::iterator, Hash>;

  void drop_unheld(typename keys::iterator which) {
    if (which->second.leases == 0 && which->second.pins == 0) keys_.erase(which);
  }

  void undo(const Key& key, pin_owner owner);

  keys keys_;
  std::unordered_map<pin_owner, pins_of_owner> owners_;
  ends due_;  // points to the keys in `owners_`
};

template <class Key, class Hash>
void hold_table<Key, Hash>::pin(const Key& key, pin_owner owner, steady_time until) {
  try {
    const auto end = owners_[owner].try_emplace(key, due_.end()).first;
    if (end->second != due_.end()) {
      auto node = due_.extract(end->second);
      node.key() = until;
      end->second = due_.insert(std::move(node));
      return;
    }
    hold& counts = keys_[key];
    end->second = due_.emplace(until, due_pin{owner, &end->first});
    ++counts.pins;
  } catch (...) {
    undo(key, owner);
    throw;
  }
}

// Of a pin that has no end yet.
template <class Key, class Hash>
void hold_table<Key, Hash>::undo(const Key& key, pin_owner owner) {
  if (const auto his = owners_.find(owner); his != owners_.end()) {
    const auto mine = his->second.find(key);
    if (mine != his->second.end() && mine->second == due_.end()) his->second.erase(mine);
    if (his->second.empty()) owners_.erase(his);
  }
  if (const auto found = keys_.find(key); found != keys_.end()) drop_unheld(found);
}

template <class Key, class Hash>
bool hold_table<Key, Hash>::unpin(const Key& key, pin_owner owner) {
  const auto his = owners_.find(owner);
  if (his == owners_.end()) return false;
  const auto mine = his->second.find(key);
  if (mine == his->second.end()) return false;
  const auto found = keys_.find(key);
  --found->second.pins;
  drop_unheld(found);
  due_.erase(mine->second);
  his->second.erase(mine);
  if (his->second.empty()) owners_.erase(his);
  return true;
}

}  // namespace kiln
