#pragma once

#include <functional>
#include <memory>
#include <unordered_map>

#include "plugins/stores/filesystem/shared/lock_files.hpp"

namespace kiln::filesystem {

/// Somebody in this process who takes locks: one write, one lease, one round of eviction.
using lock_owner = std::uint64_t;

/// Hears of every lock that is taken, waited for and let go: tests hold its order to what keeps processes
/// from waiting for one another. On the thread of the table.
class lock_watcher {
public:
  virtual ~lock_watcher() = default;
  virtual void taken(lock_owner who, const lock_name& which, lock_kind kind) = 0;
  /// It was refused, and will be tried again while `who` keeps what it holds.
  virtual void awaited(lock_owner who, const lock_name& which) = 0;
  virtual void let_go(lock_owner who, const lock_name& which) = 0;
};

/// Who of this process holds which lock. The locks of an open file never keep out their own process, so this
/// table does; the kernel is asked for the first holder and told of the last. Confined to one actor.
class lock_table {
public:
  explicit lock_table(std::unique_ptr<lock_files> files, lock_watcher* watcher = nullptr)
      : files_(std::move(files)), watcher_(watcher) {}

  /// False while it is held in a way that does not bear this one, here or elsewhere. Never waits. Who holds a
  /// lock twice lets it go twice.
  disk_result<bool> try_lock(lock_owner who, const lock_name& which, lock_kind kind);
  void unlock(lock_owner who, const lock_name& which) noexcept;
  /// For the watcher: who was refused tries again later.
  void will_wait(lock_owner who, const lock_name& which) const;

  /// Whether somebody of this process has it.
  bool is_held(const lock_name& which) const { return held_.contains(which); }
  lock_owner fresh_owner() noexcept { return ++last_owner_; }
  lock_mode mode() const noexcept { return files_->mode(); }
  /// How many locks of the kernel are held.
  std::size_t held() const noexcept { return held_.size(); }

private:
  struct holding {
    lock_kind kind = lock_kind::shared;
    std::size_t holders = 0;
  };

  const std::unique_ptr<lock_files> files_;
  lock_watcher* const watcher_;
  std::unordered_map<lock_name, holding> held_;
  lock_owner last_owner_ = 0;
};

}  // namespace kiln::filesystem
