#pragma once

#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/send.hpp>
#include <utility>
#include <vector>

#include "core/contract/store.hpp"

namespace kiln {

/// Who hears of what left a store. Listeners are held weakly, so a wrapper that watches its inner store and
/// owns it makes no circle. Confined to the store's actor.
class store_listeners {
public:
  void add(const store_listener& listener) {
    listeners_.push_back(caf::actor_cast<caf::weak_actor_ptr>(listener));
  }
  /// Nothing is sent for nothing. Drops those that are gone.
  void tell(std::vector<digest> left) {
    if (left.empty() || listeners_.empty()) return;
    std::erase_if(listeners_, [&](const caf::weak_actor_ptr& weak) {
      auto listener = caf::actor_cast<store_listener>(weak.lock());
      if (!listener) return true;
      caf::anon_send(listener, blobs_evicted{left});
      return false;
    });
  }

private:
  std::vector<caf::weak_actor_ptr> listeners_;
};

}  // namespace kiln
