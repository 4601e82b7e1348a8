#pragma once

#include <functional>
#include <unordered_map>
#include <vector>

#include "core/base/thread_pool.hpp"
#include "core/contract/composition.hpp"
#include "plugins/stores/chunked/chunked_messages.hpp"

namespace kiln::chunked {

/// Takes over what an older release left under names that clients could write to: a layout is read and
/// hashed once before it counts, and is then kept under its new name. Confined to the store's actor.
class old_layouts {
public:
  using outcome = std::function<void(bool is_right)>;

  old_layouts(chunked_actor::pointer self, store_actor inner, store_actor layouts,
              std::shared_ptr<thread_pool> hashing, return_to_actor come_back)
      : self_(self),
        inner_(std::move(inner)),
        layouts_(std::move(layouts)),
        hashing_(std::move(hashing)),
        come_back_(std::move(come_back)) {}

  /// All parts are there. Whoever asks for one that is being looked at waits for the same.
  void adopt(const digest& blob, const composition& whole, outcome then);

private:
  void proven(const digest& blob, const composition& whole);
  void settle(const digest& blob, bool is_right);

  chunked_actor::pointer self_;
  const store_actor inner_;
  const store_actor layouts_;
  const std::shared_ptr<thread_pool> hashing_;
  const return_to_actor come_back_;
  std::unordered_map<digest, std::vector<outcome>> waiting_;
};

}  // namespace kiln::chunked
