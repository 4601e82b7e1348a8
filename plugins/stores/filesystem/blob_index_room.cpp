#include <cassert>

#include "plugins/stores/filesystem/blob_index.hpp"

namespace kiln::filesystem {
namespace {

// How many packs may be on their way out at once: `limits::spare` covers their bytes.
constexpr std::size_t most_leaving = 2;

}  // namespace

bool blob_index::reserve(std::uint64_t weight, std::uint64_t open, departures& gone) {
  if (!can_spare(weight) || !drop_until_fits(weight, open, gone)) return false;
  reserved_ += weight;
  return true;
}

bool blob_index::promise(std::uint64_t weight) noexcept {
  if (!can_spare(weight)) return false;
  promised_ += weight;
  return true;
}

bool blob_index::redeem(std::uint64_t weight, std::uint64_t open, departures& gone) {
  if (!drop_until_fits(weight, open, gone)) return false;
  promised_ -= weight;
  reserved_ += weight;
  return true;
}

bool blob_index::can_spare(std::uint64_t weight) const noexcept {
  std::uint64_t kept = pinned_ + reserved_ + promised_;
  return kept <= room() && weight <= room() - kept;
}

bool blob_index::drop_until_fits(std::uint64_t weight, std::uint64_t open, departures& gone) {
  while (this->weight() + reserved_ + weight > room())
    if (!drop_next(open, gone)) return false;
  return true;
}

void blob_index::shed(std::uint64_t weight, std::uint64_t open, departures& gone) {
  std::uint64_t before = this->weight();
  while (before - this->weight() < weight)
    if (!drop_next(open, gone)) return;
}

// Copies first, for they can be made again. Then the older of the two ends.
bool blob_index::drop_next(std::uint64_t open, departures& gone) {
  if (!copies_.empty()) {
    drop_copy(slot_of(copies_.front()), gone);
    return true;
  }
  slot* file = next_file();
  held_pack* pack = next_pack(open);
  if (pack && (!file || pack->filled < file->second.used))
    drop_pack(*pack, gone);
  else if (file)
    erase(*file, gone);
  else
    return false;
  return true;
}

blob_index::slot* blob_index::next_file() noexcept {
  while (unused_[oldest_].empty() && oldest_ > 0) --oldest_;
  auto& from = unused_[oldest_].empty() ? used_ : unused_[oldest_];
  return from.empty() ? nullptr : &slot_of(from.front());
}

held_pack* blob_index::next_pack(std::uint64_t open) noexcept {
  for (auto& [number, pack] : packs_) {
    if (number >= open) break;
    if (pack.leaving) continue;
    bool has_pinned = false;
    if (leaving_ == most_leaving)
      for (const auto& entry : pack.blobs) has_pinned = has_pinned || entry.pins > 0;
    if (!has_pinned) return &pack;
  }
  return nullptr;
}

void blob_index::drop_pack(held_pack& which, departures& gone) {
  std::vector<slot*> survivors = survivors_of(which);
  for (slot* one : survivors) one->second.in_line.unlink();
  while (!which.blobs.empty()) erase(slot_of(which.blobs.front()), gone);
  for (slot* one : survivors) which.blobs.push_back(one->second);
  packs_weight_ -= which.size;
  if (survivors.empty()) {
    gone.packs.push_back(which.file->number);
    packs_.erase(which.file->number);
    return;
  }
  which.leaving = true;
  ++leaving_;
  gone.leaving.push_back(&which);
}

// Pinned, or used again not long ago; but not so many that too little room is won by moving them.
std::vector<blob_index::slot*> blob_index::survivors_of(held_pack& which) {
  std::vector<slot*> pinned;
  std::vector<slot*> used;
  std::uint64_t weight = 0;
  const std::int64_t lately = now_ - static_cast<std::int64_t>(limits_.capacity / 2);
  for (auto& entry : which.blobs) {
    if (entry.pins > 0) {
      pinned.push_back(&slot_of(entry));
      weight += record_size(entry.size);
    } else if (leaving_ < most_leaving && entry.used > which.filled && entry.used > lately) {
      used.push_back(&slot_of(entry));
    }
  }
  std::sort(used.begin(), used.end(), [](slot* a, slot* b) { return a->second.used > b->second.used; });
  for (slot* one : used) {
    weight += record_size(one->second.size);
    if (weight > which.size / 4 * 3) break;
    pinned.push_back(one);
  }
  return pinned;
}

void blob_index::finish_leaving(held_pack& which, departures& gone) {
  assert(which.leaving);
  --leaving_;
  which.leaving = false;
  if (!which.blobs.empty()) {
    packs_weight_ += which.size;
    return;
  }
  gone.packs.push_back(which.file->number);
  packs_.erase(which.file->number);
}

}  // namespace kiln::filesystem
