#pragma once

#include <algorithm>
#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/send.hpp>
#include <utility>
#include <vector>

#include "core/contract/store.hpp"

namespace kiln {

/// Who hears of what came into a store and what left it. Listeners are held weakly, so a wrapper that watches
/// its inner store and owns it makes no circle. Confined to the store's actor.
class store_observers {
public:
  void add(const store_observer& listener) {
    tell();
    listeners_.push_back(caf::actor_cast<caf::weak_actor_ptr>(listener));
  }
  /// Told together with others that come, before the next that leaves, and with `tell` at the latest.
  void note_stored(const digest& blob) {
    if (listeners_.empty()) return;
    stored_.push_back(blob);
    if (stored_.size() >= max_in_news) tell();
  }
  /// Told at once.
  void tell_evicted(std::vector<digest> left) {
    if (left.empty() || listeners_.empty()) return;
    tell();
    if (left.size() <= max_in_news) return send(blobs_evicted{std::move(left)});
    for (std::size_t from = 0; from < left.size(); from += max_in_news) {
      auto first = left.begin() + static_cast<std::ptrdiff_t>(from);
      auto count = std::min(max_in_news, left.size() - from);
      send(blobs_evicted{{first, first + static_cast<std::ptrdiff_t>(count)}});
    }
  }
  /// It left because its bytes were not its own any more. Told at once.
  void tell_damaged(const digest& blob) {
    if (listeners_.empty()) return;
    tell();
    send(blobs_evicted{{blob}, true});
  }
  /// What was noted. For the end of whatever stored something.
  void tell() {
    if (!stored_.empty()) send(blobs_stored{std::exchange(stored_, {})});
  }

private:
  /// Drops those that are gone.
  template <class News>
  void send(const News& news) {
    std::erase_if(listeners_, [&](const caf::weak_actor_ptr& weak) {
      auto listener = caf::actor_cast<store_observer>(weak.lock());
      if (!listener) return true;
      caf::anon_send(listener, news);
      return false;
    });
  }

  std::vector<caf::weak_actor_ptr> listeners_;
  std::vector<digest> stored_;  // not told yet
};

}  // namespace kiln
