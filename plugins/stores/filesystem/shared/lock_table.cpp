#include "plugins/stores/filesystem/shared/lock_table.hpp"

#include <cassert>

namespace kiln::filesystem {

disk_result<bool> lock_table::try_lock(lock_owner who, const lock_name& which, lock_kind kind) {
  auto found = held_.find(which);
  if (found != held_.end()) {
    if (kind == lock_kind::exclusive || found->second.kind == lock_kind::exclusive) return false;
    ++found->second.holders;
  } else {
    // The memory for it is had first: what the kernel gave is never forgotten.
    auto place = held_.try_emplace(which, holding{kind, 1}).first;
    auto locked = files_->try_lock(which, kind);
    if (!locked || !*locked) {
      held_.erase(place);
      return locked;
    }
  }
  if (watcher_) watcher_->taken(who, which, kind);
  return true;
}

void lock_table::unlock(lock_owner who, const lock_name& which) noexcept {
  auto found = held_.find(which);
  assert(found != held_.end());
  if (found == held_.end()) return;
  if (watcher_) watcher_->let_go(who, which);
  if (--found->second.holders > 0) return;
  const lock_kind kind = found->second.kind;
  held_.erase(found);
  files_->unlock(which, kind);
}

void lock_table::will_wait(lock_owner who, const lock_name& which) const {
  if (watcher_) watcher_->awaited(who, which);
}

}  // namespace kiln::filesystem
