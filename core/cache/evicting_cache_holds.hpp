#pragma once

#include "core/cache/evicting_cache.hpp"

/// Leases and pins of evicting_cache, which includes this.
namespace kiln {

template <class Key, class Value, class Hash>
void evicting_cache<Key, Value, Hash>::lease(const Key& key) {
  leavers gone(evicted_);
  holds_.lease(key);
  const auto found = find_fresh(key, now(), gone);
  if (found != slots_.end()) settle(found->second, arrival::again);
}

template <class Key, class Value, class Hash>
bool evicting_cache<Key, Value, Hash>::release(const Key& key) {
  if (!holds_.release(key)) return false;
  settle_freed(key);
  return true;
}

template <class Key, class Value, class Hash>
expected<void> evicting_cache<Key, Value, Hash>::pin(const Key& key, pin_owner owner, duration timeout) {
  leavers gone(evicted_);
  const auto at = time_.now();
  const auto found = find_fresh(key, at, gone);
  if (found == slots_.end()) return fail(errc::not_found, "there is nothing to pin");
  entry& one = found->second;
  auto too_heavy = [&] {
    return !one.pinned && !for_pins_.fits(pinned_weight_ + one.weight, pinned_entries_ + 1);
  };
  auto too_many = [&] { return holds_.pins() >= limits_.pins.most && !holds_.pinned_by(key, owner); };
  while ((too_heavy() || too_many()) && end_pins(1, at) > 0) {
  }
  if (too_heavy())
    return fail(errc::resource_exhausted, "pins hold {} of the {} they may, and {} more would not fit",
                pinned_weight_, for_pins_.weight, one.weight);
  if (too_many())
    return fail(errc::resource_exhausted, "there are {} pins, the most there may be", holds_.pins());
  holds_.pin(key, owner, at + timeout);
  settle(one, arrival::again);
  make_room(0, 0, at, gone);
  return {};
}

template <class Key, class Value, class Hash>
bool evicting_cache<Key, Value, Hash>::unpin(const Key& key, pin_owner owner) {
  if (!holds_.unpin(key, owner)) return false;
  settle_freed(key);
  return true;
}

template <class Key, class Value, class Hash>
std::size_t evicting_cache<Key, Value, Hash>::unpin_all(pin_owner owner) {
  std::size_t count = 0;
  for (const Key* key = holds_.any_of(owner); key != nullptr; key = holds_.any_of(owner), ++count)
    unpin(Key(*key), owner);
  return count;
}

template <class Key, class Value, class Hash>
void evicting_cache<Key, Value, Hash>::settle(entry& one, arrival how) noexcept {
  if (&one == replaced_) return;  // it is settled when it is linked again
  const hold_state wanted = holds_.of(key_of(one));
  count_pinned(one, wanted.pinned);
  if (wanted.held == one.held) return;
  if (wanted.held) {
    order_->remove(one);
    hold(one);
  } else {
    free(one, how);
  }
}

template <class Key, class Value, class Hash>
void evicting_cache<Key, Value, Hash>::settle_freed(const Key& key) {
  const auto found = slots_.find(key);
  if (found == slots_.end()) return;
  leavers gone(evicted_);
  const auto at = now();
  if (settle(found->second, arrival::again); !found->second.held) found->second.used = at;
  make_room(0, 0, at, gone);
}

// Nobody took them back, so their end is no use.
template <class Key, class Value, class Hash>
std::size_t evicting_cache<Key, Value, Hash>::end_pins(std::size_t most, steady_time at) {
  std::size_t count = 0;
  for (; count < most; ++count) {
    const auto* due = holds_.first_due(at);
    if (!due) break;
    const auto found = slots_.find(*due->key);
    holds_.unpin(*due->key, due->owner);
    if (found != slots_.end()) settle(found->second, arrival::restored);
  }
  return count;
}

}  // namespace kiln
