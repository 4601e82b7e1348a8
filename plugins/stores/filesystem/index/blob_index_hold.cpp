#include <cassert>

#include "plugins/stores/filesystem/index/blob_index.hpp"

namespace kiln::filesystem {

std::uint64_t blob_index::pin(slot& which) {
  if (!which.pinned) {
    if (!which.packed()) entries_.unlink(order_.files(which.used), which);
    if (which.copied) copy_line_.erase(copies_.at(which.self).in_line);
    order_.remove(which.used, share_of(which));
    which.pinned = true;
    pinned_ += held_by(which);
  }
  ++pins_[which.self];
  return which.serial;
}

void blob_index::unpin(const digest& blob, std::uint64_t serial) {
  slot* there = find(blob);
  if (!there || there->serial != serial) return;
  auto pins = pins_.find(there->self);
  assert(pins != pins_.end());
  if (--pins->second > 0) return;
  pins_.erase(pins);
  slot& which = *there;
  pinned_ -= held_by(which);
  which.pinned = false;
  note_change(which);
  which.used = order_.now();
  order_.add(which.used, share_of(which));
  if (!which.packed()) entries_.push_back(order_.files(which.used), which);
  if (which.copied) copies_.at(which.self).in_line = copy_line_.insert(copy_line_.end(), which.self);
  order_.advance(entries_);
}

void blob_index::add_copy(slot& which) {
  if (which.copied || !which.packed()) return;
  pinned_ -= held_by(which);
  which.copied = true;
  files_weight_ += weight_of(which);
  pinned_ += held_by(which);
  copy& mine = copies_[which.self];
  if (!which.pinned) mine.in_line = copy_line_.insert(copy_line_.end(), which.self);
}

void blob_index::drop_copy(slot& which, evicted_blobs& gone) {
  if (!which.copied) return;
  gone.copies.push_back(name_of(which));
  pinned_ -= held_by(which);
  files_weight_ -= weight_of(which);
  if (!which.pinned) copy_line_.erase(copies_.at(which.self).in_line);
  copies_.erase(which.self);
  which.copied = false;
  pinned_ += held_by(which);
}

std::int64_t blob_index::verified(const slot& which) const {
  if (!which.packed()) return static_cast<std::int64_t>(which.proof);
  auto copied = copies_.find(which.self);
  return copied == copies_.end() ? 0 : copied->second.verified;
}

void blob_index::set_verified(slot& which, std::int64_t stamp) {
  if (!which.packed())
    which.proof = static_cast<std::uint64_t>(stamp);
  else if (which.copied)
    copies_.at(which.self).verified = stamp;
}

}  // namespace kiln::filesystem
