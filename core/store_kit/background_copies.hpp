#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/base/thread_pool.hpp"
#include "core/store_kit/deadlines.hpp"
#include "core/store_kit/store_behaviour.hpp"

namespace kiln {

/// Of copies in the background.
struct copy_limits {
  std::size_t waiting = 4096;
  std::size_t at_once = 4;
  std::uint64_t bytes_at_once = 64 << 20;       ///< one that is larger goes alone
  duration patience = std::chrono::minutes(1);  ///< for each, from when it begins, and
  std::uint64_t slowest = 1 << 20;              ///< a second for so many of its bytes
  duration to_look = std::chrono::seconds(10);  ///< for whoever is asked whether it is there
  std::size_t stuck = 64;  ///< that were given up and may still be written; with so many, none is begun
};

/// Copies blobs from one store to another while nobody waits for that: a few at a time, and few bytes of
/// them, in the order in which they were asked for. What is there already is not copied, so a result that
/// came later stays. Content is verified on the way. For stores of several; confined to the store's actor.
///
/// A store that hangs costs a copy its time and no more: its place is given to the next one. But what was
/// handed to a store may be written when it is back, so nobody is told that it is out of the way until the
/// store has answered.
class background_copies {
public:
  /// True if it was copied, false if it was there already. ABORTED: somebody changes it.
  using outcome = std::function<void(expected<bool>)>;
  struct job {
    digest blob;
    store_actor from;
    store_actor to;
    outcome then;             ///< not called if the actor ends before
    bool is_damaged = false;  ///< what `to` has is no good and is forgotten first; of content only
  };
  using hold = std::shared_ptr<const void>;
  using held = std::function<void(expected<hold>)>;

  /// Content is hashed on `hashing`; null for results, of whose bytes a digest says nothing. `times` outlives
  /// this.
  background_copies(resumable_store::pointer self, deadlines& times, std::shared_ptr<thread_pool> hashing,
                    copy_limits limits = {})
      : self_(self), times_(times), hashing_(std::move(hashing)), limits_(limits) {}

  /// False, and nothing is done, if too many wait, if the blob waits or is copied already, or if somebody
  /// holds it.
  bool add(job one);

  /// `then` goes on, at once or when the copies under way have ended, and none of these blobs is copied while
  /// the hold lives: for orders that a copy must not undo. A copy that waits is given up, and one that is
  /// under way is cut off. If its store does not answer `until` then, `then` hears DEADLINE_EXCEEDED.
  void exclude(const std::vector<digest>& blobs, order_deadline until, held then);

  std::size_t waiting() const noexcept { return queue_.size(); }
  std::size_t under_way() const noexcept { return running_; }
  std::size_t stuck() const noexcept { return stuck_; }
  /// Blobs that are copied or held.
  std::size_t busy() const noexcept { return busy_.size(); }

private:
  enum class stage : std::uint8_t { looking, forgetting, writing };
  struct flight {
    job what;
    std::uint64_t size = 0;
    order_deadline until{};
    stage at = stage::looking;
    blob_source_ptr bytes;  ///< while it is written
    deadlines::token late;
    bool has_place = true;         ///< among those under way
    std::optional<error> cut_off;  ///< why its bytes ended before their end
    bool is_over = false;          ///< `to` has answered
  };
  using flight_ptr = std::shared_ptr<flight>;
  struct state {
    flight_ptr copy;
    std::size_t holds = 0;
    std::vector<std::function<void()>> wait;  ///< for the copy
  };
  struct arrival;

  std::uint64_t size_of(const digest& blob) const noexcept;
  void start_some();
  void start(job one);
  void look(const flight_ptr& one);
  void forget(const flight_ptr& one);
  void copy(const flight_ptr& one);
  void cut_off(const flight_ptr& one, const error& why);
  void leave(const flight_ptr& one, expected<bool> how);
  void end(const flight_ptr& one, expected<bool> how);
  void release(const std::vector<digest>& blobs);
  void drop_if_idle(const digest& blob);

  const resumable_store::pointer self_;
  deadlines& times_;
  const std::shared_ptr<thread_pool> hashing_;
  const copy_limits limits_;
  std::deque<job> queue_;
  std::unordered_set<digest> queued_;
  std::unordered_map<digest, state> busy_;
  std::size_t running_ = 0;
  std::size_t stuck_ = 0;
  std::uint64_t running_bytes_ = 0;
};

}  // namespace kiln
