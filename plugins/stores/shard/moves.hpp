#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/observe/log_throttle.hpp"
#include "core/observe/metrics.hpp"
#include "core/plugin/plugin.hpp"
#include "core/store_kit/background_copies.hpp"
#include "core/store_kit/deadlines.hpp"
#include "core/store_kit/partitioned_store.hpp"

namespace kiln::shard {

/// Where blobs are, and where they were before the shards changed.
struct layout {
  std::vector<store_actor> parts;  ///< those of both times, each once
  partitioned_store::rule now;
  partitioned_store::rule before;

  bool moves(const digest& blob) const { return now(blob) != before(blob); }
};

/// Brings blobs from their old homes to their new ones: copied, verified, and forgotten in the old home once
/// the new one has acknowledged. Bounded; what finds no room moves when it is next asked for.
///
/// Whoever looks in the new home first and then in the old one must find a blob that moves meanwhile. So
/// nothing is forgotten in an old home while a search lives that began before the copy was there, nor while
/// somebody has leased it there. A search that takes longer than `longest_search` is not waited for. Confined
/// to the store's actor.
class moves {
public:
  using token = std::shared_ptr<const void>;
  static constexpr duration longest_search = std::chrono::minutes(5);

  moves(resumable_store::pointer self, deadlines& times, const layout& where, const environment& env,
        const std::string& store, std::shared_ptr<thread_pool> hashing);

  /// It was found in its old home, and the new one has none, or one that is damaged.
  void want(const digest& blob, bool is_damaged = false);
  /// For as long as somebody looks in both homes.
  token begin_search();
  /// These are leased in their old homes, as long as the token lives.
  token pin(std::vector<digest> blobs);
  /// What its old home has is old: the new one has what was written later. False if nothing was done, for too
  /// much waits.
  bool forget_old(const digest& blob);
  /// For orders that a move must not undo.
  background_copies& copies() noexcept { return copies_; }

private:
  struct pinned {
    std::size_t count = 0;
    bool is_forgotten_later = false;
  };
  struct old_copy {
    std::uint64_t searches;  ///< those below this began before the new one was there
    digest blob;
  };

  void moved(const digest& blob, const expected<bool>& how);
  void end_search(std::uint64_t which);
  void unpin(const std::vector<digest>& blobs);
  void forget_some();
  void forget(const digest& blob);
  void complain(const char* of, const digest& blob, const error& why);

  const resumable_store::pointer self_;
  deadlines& times_;
  const layout& where_;
  logger* const log_;
  const std::string store_;
  log_throttle quiet_;
  background_copies copies_;
  counter& moved_;
  counter& failed_;
  std::map<std::uint64_t, deadlines::token> searches_;
  std::uint64_t next_search_ = 0;
  std::deque<old_copy> old_copies_;
  std::vector<std::size_t> being_forgotten_;  ///< by each part
  std::unordered_map<digest, pinned> pins_;
};

}  // namespace kiln::shard
