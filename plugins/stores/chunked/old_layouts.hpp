#pragma once

#include <functional>
#include <unordered_map>
#include <vector>

#include "core/base/thread_pool.hpp"
#include "core/store_kit/store_behaviour.hpp"

namespace kiln::chunked {

/// Takes over what an older release left under names that clients could write to: a layout is read and
/// hashed once before it counts, and is then kept under its new name. Confined to the store's actor.
class old_layouts {
public:
  using outcome = std::function<void(bool is_right)>;

  /// `wrong` hears of layouts that are not their blobs.
  old_layouts(resumable_store::pointer self, store_actor inner, store_actor layouts,
              std::shared_ptr<thread_pool> hashing, std::function<void(const digest&)> wrong)
      : self_(self),
        inner_(std::move(inner)),
        layouts_(std::move(layouts)),
        hashing_(std::move(hashing)),
        wrong_(std::move(wrong)) {}

  /// All parts are there. Whoever asks for one that is being looked at waits for the same.
  void adopt(const digest& blob, const composition& whole, outcome then);

private:
  void proven(const digest& blob, const composition& whole);
  void settle(const digest& blob, bool is_right);

  resumable_store::pointer self_;
  const store_actor inner_;
  const store_actor layouts_;
  const std::shared_ptr<thread_pool> hashing_;
  const std::function<void(const digest&)> wrong_;
  std::unordered_map<digest, std::vector<outcome>> waiting_;
};

}  // namespace kiln::chunked
