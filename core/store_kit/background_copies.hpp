#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/base/thread_pool.hpp"
#include "core/store_kit/store_behaviour.hpp"

namespace kiln {

/// Of copies in the background.
struct copy_limits {
  std::size_t waiting = 4096;
  std::size_t at_once = 4;
  std::uint64_t bytes_at_once = 64 << 20;        ///< one that is larger goes alone
  duration patience = std::chrono::minutes(10);  ///< for each, from when it begins
};

/// Copies blobs from one store to another while nobody waits for that: a few at a time, and few bytes of
/// them, in the order in which they were asked for. What is there already is not copied, so a result that
/// came later stays. Content is verified on the way. For stores of several; confined to the store's actor.
class background_copies {
public:
  /// True if it was copied, false if it was there already.
  using outcome = std::function<void(expected<bool>)>;
  struct job {
    digest blob;
    store_actor from;
    store_actor to;
    outcome then;  ///< not called if the actor ends before
  };
  using hold = std::shared_ptr<const void>;

  /// Content is hashed on `hashing`; null for results, of whose bytes a digest says nothing. `time` outlives
  /// this.
  background_copies(resumable_store::pointer self, const clock& time, std::shared_ptr<thread_pool> hashing,
                    copy_limits limits = {})
      : self_(self), time_(time), hashing_(std::move(hashing)), limits_(limits) {}

  /// False, and nothing is done, if too many wait, if the blob waits or is copied already, or if somebody
  /// holds it.
  bool add(job one);

  /// `then` goes on, at once or when the copies under way have ended, and none of these blobs is copied while
  /// the hold lives: for orders that a copy must not undo. A copy that waited is given up.
  void exclude(const std::vector<digest>& blobs, std::function<void(hold)> then);

  std::size_t waiting() const noexcept { return queue_.size(); }
  std::size_t under_way() const noexcept { return running_; }

private:
  struct state {
    bool is_copied = false;
    std::size_t holds = 0;
    std::vector<std::function<void()>> wait;  ///< for the copy
  };
  struct flight {
    job what;
    std::uint64_t size = 0;
    steady_time until{};
    bool is_over = false;
  };
  using flight_ptr = std::shared_ptr<flight>;

  std::uint64_t size_of(const digest& blob) const noexcept;
  void start_some();
  void start(job one);
  void copy(const flight_ptr& one);
  void end(const flight_ptr& one, expected<bool> how);
  void release(const std::vector<digest>& blobs);
  void drop_if_idle(const digest& blob);

  const resumable_store::pointer self_;
  const clock& time_;
  const std::shared_ptr<thread_pool> hashing_;
  const copy_limits limits_;
  std::deque<job> queue_;
  std::unordered_set<digest> queued_;
  std::unordered_map<digest, state> busy_;
  std::size_t running_ = 0;
  std::uint64_t running_bytes_ = 0;
};

}  // namespace kiln
