#include "plugins/stores/filesystem/blob_index.hpp"

#include <boost/intrusive/parent_from_member.hpp>
#include <cassert>

namespace kiln::filesystem {

std::uint64_t blob_index::file_weight(std::uint64_t size) noexcept {
  std::uint64_t blocks = size / block + (size % block != 0 || size == 0 ? 1 : 0);
  return blocks * block;
}

// What of the disk goes free with this blob: what lies in a pack stays with the pack.
std::uint64_t blob_index::weight_of(const blob_entry& entry) noexcept {
  return !entry.in || entry.copied ? file_weight(entry.size) : 0;
}

// What cannot go as long as this blob is pinned.
std::uint64_t blob_index::held_by(const blob_entry& entry) noexcept {
  if (entry.pins == 0) return 0;
  return weight_of(entry) + (entry.in ? record_size(entry.size) : 0);
}

blob_index::slot* blob_index::find(const digest& blob) {
  auto found = slots_.find(blob);
  return found == slots_.end() ? nullptr : &*found;
}

void blob_index::use(slot& which) {
  blob_entry& entry = which.second;
  entry.used = now_;
  if (entry.in_hot_line.is_linked()) {
    entry.in_hot_line.unlink();
    hot_.push_back(entry);
  }
  if (entry.in_copy_line.is_linked()) {
    entry.in_copy_line.unlink();
    copies_.push_back(entry);
  }
  if (entry.pins > 0 || entry.in) return;
  entry.in_line.unlink();
  used_.push_back(entry);
}

blob_index::slot& blob_index::add(const digest& blob) {
  auto [at, is_new] = slots_.try_emplace(blob);
  assert(is_new);
  (void)is_new;
  at->second.serial = ++serials_;
  return *at;
}

blob_index::slot& blob_index::insert_file(const digest& blob, std::uint64_t size) {
  slot& which = add(blob);
  which.second.size = size;
  files_weight_ += weight_of(which.second);
  now_ += static_cast<std::int64_t>(weight_of(which.second));
  which.second.used = now_;
  used_.push_back(which.second);
  return which;
}

blob_index::slot& blob_index::insert_old_file(const digest& blob, std::uint64_t size,
                                              std::uint64_t hours_ago) {
  slot& which = add(blob);
  which.second.size = size;
  files_weight_ += weight_of(which.second);
  which.second.used = -1 - static_cast<std::int64_t>(hours_ago);
  std::size_t age = age_of(hours_ago);
  unused_[age].push_back(which.second);
  oldest_ = std::max(oldest_, age);
  return which;
}

held_pack& blob_index::pack_of(const pack_ptr& file) {
  auto [at, is_new] = packs_.try_emplace(file->number);
  if (is_new) at->second.file = file;
  return at->second;
}

held_pack& blob_index::insert_old_pack(const pack_ptr& file, std::uint64_t size, std::uint64_t hours_ago) {
  held_pack& which = pack_of(file);
  which.size = size;
  which.filled = -1 - static_cast<std::int64_t>(hours_ago);
  packs_weight_ += size;
  return which;
}

// The entry's own figures must be taken out of the sums before.
void blob_index::put_into(slot& which, held_pack& in, const pack_place& place) {
  blob_entry& entry = which.second;
  if (entry.in_line.is_linked()) entry.in_line.unlink();
  entry.in = &in;
  entry.size = place.length;
  entry.offset = place.offset;
  entry.check = place.check;
  in.blobs.push_back(entry);
}

blob_index::slot& blob_index::insert_packed(const digest& blob, const pack_place& place,
                                            std::uint64_t sequence) {
  slot* there = find(blob);
  slot& which = there ? *there : add(blob);
  blob_entry& entry = which.second;
  cool(entry);
  pinned_ -= held_by(entry);
  if (there) files_weight_ -= weight_of(entry);
  held_pack& in = pack_of(place.in);
  if (std::uint64_t end = place.offset + place.length; end > in.size) {
    packs_weight_ += end - in.size;
    now_ += static_cast<std::int64_t>(end - in.size);
    in.size = end;
  }
  in.filled = now_;
  put_into(which, in, place);
  files_weight_ += weight_of(entry);
  pinned_ += held_by(entry);
  entry.sequence = sequence;
  entry.used = now_;
  return which;
}

void blob_index::insert_old_packed(held_pack& in, const record& what) {
  slot* there = find(what.blob);
  if (what.kind == record_kind::erasure) {
    note_erasure(what.blob, what.sequence);
    departures ignored;  // nobody knew of it yet
    if (there && there->second.in && there->second.sequence <= what.sequence) erase(*there, ignored);
    return;
  }
  if (auto erased = erasures_.find(what.blob); erased != erasures_.end() && erased->second >= what.sequence)
    return;
  if (there && (!there->second.in || there->second.sequence >= what.sequence)) return;
  slot& which = there ? *there : add(what.blob);
  put_into(which, in, {in.file, what.offset, what.length, what.check});
  which.second.sequence = what.sequence;
  which.second.used = in.filled;
}

void blob_index::note_erasure(const digest& blob, std::uint64_t sequence) {
  std::uint64_t& erased = erasures_[blob];
  erased = std::max(erased, sequence);
}

held_pack* blob_index::find_pack(std::uint64_t number) {
  auto found = packs_.find(number);
  return found == packs_.end() ? nullptr : &found->second;
}

void blob_index::move(slot& which, const pack_place& place) {
  std::int64_t used = which.second.used;
  bytes hot = which.second.hot;
  insert_packed(which.first, place, which.second.sequence);
  which.second.used = used;
  if (!hot.empty()) warm(which, std::move(hot));
}

pack_place blob_index::place_of(const slot& which) const {
  const blob_entry& entry = which.second;
  return {entry.in->file, entry.offset, static_cast<std::uint32_t>(entry.size), entry.check};
}

void blob_index::erase(slot& which, departures& gone) {
  blob_entry& entry = which.second;
  gone.blobs.push_back(which.first);
  if (!entry.in) gone.files.push_back(which.first);
  if (entry.copied) gone.copies.push_back(which.first);
  cool(entry);
  pinned_ -= held_by(entry);
  files_weight_ -= weight_of(entry);
  slots_.erase(slots_.find(which.first));
}

void blob_index::warm(slot& which, bytes content) {
  blob_entry& entry = which.second;
  if (content.size() > largest_hot()) return;
  cool(entry);
  hot_weight_ += content.size();
  entry.hot = std::move(content);
  hot_.push_back(entry);
  while (hot_weight_ > limits_.hot_memory) cool(hot_.front());
}

void blob_index::cool(blob_entry& entry) {
  if (!entry.in_hot_line.is_linked()) return;
  entry.in_hot_line.unlink();
  hot_weight_ -= entry.hot.size();
  entry.hot = {};
}

void blob_index::add_copy(slot& which) {
  blob_entry& entry = which.second;
  if (entry.copied || !entry.in) return;
  pinned_ -= held_by(entry);
  entry.copied = true;
  files_weight_ += weight_of(entry);
  pinned_ += held_by(entry);
  if (entry.pins == 0) copies_.push_back(entry);
}

void blob_index::drop_copy(slot& which, departures& gone) {
  blob_entry& entry = which.second;
  if (!entry.copied) return;
  gone.copies.push_back(which.first);
  pinned_ -= held_by(entry);
  files_weight_ -= weight_of(entry);
  entry.copied = false;
  entry.verified = 0;
  pinned_ += held_by(entry);
  if (entry.in_copy_line.is_linked()) entry.in_copy_line.unlink();
}

std::uint64_t blob_index::pin(slot& which) {
  blob_entry& entry = which.second;
  if (entry.pins++ == 0) {
    if (!entry.in) entry.in_line.unlink();
    if (entry.in_copy_line.is_linked()) entry.in_copy_line.unlink();
    pinned_ += held_by(entry);
  }
  return entry.serial;
}

void blob_index::unpin(const digest& blob, std::uint64_t serial) {
  slot* which = find(blob);
  if (!which || which->second.serial != serial) return;
  blob_entry& entry = which->second;
  assert(entry.pins > 0);
  if (entry.pins > 1) {
    --entry.pins;
    return;
  }
  pinned_ -= held_by(entry);
  entry.pins = 0;
  entry.used = now_;
  if (!entry.in) used_.push_back(entry);
  if (entry.copied) copies_.push_back(entry);
}

blob_index::slot& blob_index::slot_of(blob_entry& entry) noexcept {
  return *intrusive::get_parent_from_member(&entry, &slot::second);
}

// To the hour for the first days, to two days for most of a year.
std::size_t blob_index::age_of(std::uint64_t hours_ago) noexcept {
  constexpr std::uint64_t hourly = 128;
  if (hours_ago < hourly) return static_cast<std::size_t>(hours_ago);
  return static_cast<std::size_t>(std::min<std::uint64_t>(255, hourly + (hours_ago - hourly) / 48));
}

}  // namespace kiln::filesystem
