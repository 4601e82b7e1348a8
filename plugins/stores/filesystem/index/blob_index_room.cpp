#include <cassert>

#include "plugins/stores/filesystem/index/blob_index.hpp"

namespace kiln::filesystem {
namespace {

// How many packs may be on their way out at once: `limits::spare` covers their bytes.
constexpr std::size_t max_leaving = 2;
// Where the disk takes nothing, no more of them lose what was not worth moving.
constexpr std::size_t max_stuck = 2;
// For one piece of room. Each has up to some ten thousand blobs, which are all looked at.
constexpr std::size_t max_looked_at = 8;

// As much of a pack, or of all, as may be worth moving.
constexpr std::uint64_t most_of(std::uint64_t size) noexcept {
  return size / 4 * 3;
}

}  // namespace

room blob_index::reserve(std::uint64_t weight, std::uint64_t open, evicted_blobs& gone) {
  if (!can_spare(weight)) return room::none;
  room answer = make_room(weight, open, gone);
  if (answer == room::made) reserved_ += weight;
  return answer;
}

bool blob_index::promise(std::uint64_t weight) noexcept {
  if (!can_spare(weight)) return false;
  promised_ += weight;
  return true;
}

room blob_index::redeem(std::uint64_t weight, std::uint64_t open, evicted_blobs& gone) {
  room answer = make_room(weight, open, gone);
  if (answer != room::made) return answer;
  promised_ -= weight;
  reserved_ += weight;
  return answer;
}

bool blob_index::can_spare(std::uint64_t weight) const noexcept {
  std::uint64_t kept = pinned_ + reserved_ + promised_;
  return kept <= space() && weight <= space() - kept;
}

bool blob_index::fits(std::uint64_t weight) const noexcept {
  return this->weight() + reserved_ + weight <= space();
}

// What could not be moved for somebody before may be by now: it is tried once for each who asks.
room blob_index::make_room(std::uint64_t weight, std::uint64_t open, evicted_blobs& gone) {
  if (!room_wanted_) forget_stuck();
  const room answer = drop_until_fits(weight, open, gone);
  room_wanted_ = answer == room::soon || answer == room::later;
  return answer;
}

// Others wait as long as this takes, so no more leave at once than can in some milliseconds.
room blob_index::drop_until_fits(std::uint64_t weight, std::uint64_t open, evicted_blobs& gone) {
  auto left = [&] {
    return limits_.at_once - std::min(limits_.at_once, gone.blobs.size() + gone.copies.size());
  };
  for (;;) {
    if (dropping_ && left() > 0) drop_some(left(), gone);
    if (fits(weight) && size() <= limits_.blobs) return room::made;
    if (dropping_ || left() == 0) return room::soon;
    // Copies first, for they can be made again.
    if (!fits(weight) && !copy_line_.empty())
      drop_copy(entries_[copy_line_.front()], gone);
    else if (room answer = drop_next(open, gone); answer != room::made)
      return answer;
  }
}

// The older of the two ends.
room blob_index::drop_next(std::uint64_t open, evicted_blobs& gone) {
  slot* file = next_file();
  held_pack* pack = next_pack(open);
  if (stuck_ >= max_stuck) pack = nullptr;
  if (file && (!pack || order_.known(file->used) <= order_.known(pack->filled))) {
    erase(*file, gone);
    return room::made;
  }
  // A later one may have in it what says that records of a stale one count no more.
  if (pack && leaving_ < max_leaving && stale_leaving_ == 0) {
    room answer = drop_a_pack(pack, open);
    if (answer != room::none || !file) return answer;
    erase(*file, gone);
    return room::made;
  }
  return leaving_ > 0 ? room::later : room::none;
}

void blob_index::forget_stuck() {
  if (std::exchange(stuck_, 0) == 0) return;
  for (auto& [turn, one] : turns_) one->stuck = false;
}

// In their turn, but for those from which too little would be won. Where all of several are so, the best.
room blob_index::drop_a_pack(held_pack* next, std::uint64_t open) {
  const std::uint32_t since = order_.since(most_of(order_.weight()));
  held_pack* best = nullptr;
  std::uint64_t won = 0;
  for (std::size_t looked_at = 0; next && looked_at < max_looked_at; ++looked_at) {
    const std::uint64_t stays = survivors_of(*next, since).weight;
    const std::uint64_t leaves = next->size - std::min(stays, next->size);
    if (leaves > won || next->stale) {
      best = next;
      won = leaves;
    }
    if (next->stale || stays <= most_of(next->size)) break;
    pass_over(*next);
    next = next_pack(open);
    if (++passed_over_ > 2 * numbers_.size()) break;
  }
  if (best) {
    passed_over_ = 0;
    begin_dropping(*best, since);
    return room::made;
  }
  if (passed_over_ <= 2 * numbers_.size()) return room::later;
  passed_over_ = 0;
  return room::none;
}

void blob_index::pass_over(held_pack& which) {
  which.filled = order_.now();
  which.changed = true;
  set_turn(which, numbers_.rbegin()->first);
}

blob_index::slot* blob_index::next_file() noexcept {
  for (std::uint32_t age = order_.oldest(); age <= order_.now(); ++age)
    if (auto& files = order_.files(age); !files.empty()) return &entries_[files.front];
  return nullptr;
}

held_pack* blob_index::next_pack(std::uint64_t open) noexcept {
  for (auto& [turn, pack] : turns_)
    if (turn.second < open && !pack->leaving) {
      if (!pack->stuck) return pack;
      if (pack->stale) return nullptr;
    }
  return nullptr;
}

// In its turn, a pack is older than all that was used after it was filled. One that is stale may come before
// the turn that it got when it was passed over.
bool blob_index::survives(const slot& which, const held_pack& in, std::uint32_t since) const noexcept {
  const std::uint32_t used = order_.known(which.used);
  const bool later = used > order_.known(in.stale ? in.got_last : in.filled);
  return which.pinned || (used >= since && later && stands(which));
}

blob_index::survivors blob_index::survivors_of(const held_pack& which, std::uint32_t since) const noexcept {
  survivors result;
  for (entry_id one = which.blobs.front; one != 0; one = entries_[one].next) {
    const slot& blob = entries_[one];
    if (survives(blob, which, since)) result.weight += record_size(blob.function, blob.length);
    result.any_pinned = result.any_pinned || blob.pinned;
  }
  return result;
}

void blob_index::begin_dropping(held_pack& which, std::uint32_t since) noexcept {
  assert(!dropping_);
  dropping_ = &which;
  dropping_since_ = since;
  which.leaving = true;  // before: its records need not be counted as stale
  ++leaving_;
  stale_leaving_ += which.stale;
  which.carried = 0;
  which.undecided = 0;
  for (entry_id one = which.blobs.front; one != 0; one = entries_[one].next) {
    which.carried += record_size(entries_[one].function, entries_[one].length);
    ++which.undecided;
  }
  carried_ += which.carried;
  packs_weight_ -= which.size;
}

void blob_index::drop_at_once(held_pack& which, evicted_blobs& gone) {
  begin_dropping(which, UINT32_MAX);
  drop_some(SIZE_MAX, gone);
}

// What stays goes to the back, behind what has not been looked at. If something left by itself meanwhile,
// some are looked at twice.
void blob_index::drop_some(std::size_t most, evicted_blobs& gone) {
  held_pack& from = *dropping_;
  for (; from.undecided > 0 && !from.blobs.empty(); --from.undecided) {
    if (most-- == 0) return;
    slot& blob = entries_[from.blobs.front];
    if (survives(blob, from, dropping_since_)) {
      entries_.unlink(from.blobs, blob);
      entries_.push_back(from.blobs, blob);
    } else {
      erase(blob, gone);
    }
  }
  dropping_ = nullptr;
  if (from.blobs.empty())
    finish_leaving(from, gone);
  else
    gone.leaving.push_back(&from);
}

void blob_index::finish_leaving(held_pack& which, evicted_blobs& gone) {
  assert(which.leaving);
  --leaving_;
  stale_leaving_ -= which.stale;
  which.leaving = false;
  carried_ -= std::exchange(which.carried, 0);
  if (which.blobs.empty()) {
    forget_stuck();  // the disk takes what is moved
    return forget_pack(which, gone);
  }
  which.stuck = which.was_stuck = true;
  ++stuck_;
  packs_weight_ += which.size;
  if (!which.stale) set_turn(which, numbers_.rbegin()->first);
}

// Whoever writes waits for it, so it is done at once.
void blob_index::shed(std::uint64_t weight, std::uint64_t open, evicted_blobs& gone) {
  if (dropping_) drop_some(SIZE_MAX, gone);
  std::uint64_t before = this->weight();
  while (before - this->weight() < weight) {
    if (!copy_line_.empty())
      drop_copy(entries_[copy_line_.front()], gone);
    else if (!shed_one(open, gone))
      return;
  }
}

// Of a pack everything goes, for where would it be moved to? So rather one from which little was used.
bool blob_index::shed_one(std::uint64_t open, evicted_blobs& gone) {
  const std::uint32_t since = order_.since(most_of(order_.weight()));
  slot* file = next_file();
  held_pack* best = nullptr;
  std::uint64_t least = UINT64_MAX;
  std::size_t looked_at = 0;
  for (auto& [turn, pack] : turns_) {
    // Nor one with what has just come, perhaps for one who has not been answered yet.
    if (turn.second >= open) continue;
    if (pack->leaving || order_.known(pack->filled) == order_.now()) {
      if (pack->stale) break;
      continue;
    }
    if (++looked_at > max_looked_at) break;
    auto stays = survivors_of(*pack, since);
    if (!stays.any_pinned && stays.weight < least) {
      best = pack;
      least = stays.weight;
    }
    if (pack->stale) break;  // no later one before it
  }
  if (file && (!best || least > 0 || order_.known(file->used) <= order_.known(best->filled)))
    erase(*file, gone);
  else if (best)
    drop_at_once(*best, gone);
  else
    return false;
  return true;
}

}  // namespace kiln::filesystem
