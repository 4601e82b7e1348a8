#include "plugins/stores/filesystem/index/blob_index.hpp"

#include <cassert>
#include <cstring>

namespace kiln::filesystem {
namespace {

// Of the order of use: told apart, and a few for what is older than they.
constexpr std::uint64_t generations_of_space = 48;

}  // namespace

blob_index::blob_index(limits bounds, std::uint64_t first_pack, std::uint32_t now)
    : limits_(bounds),
      least_share_((bounds.capacity - bounds.spare) / std::max<std::size_t>(bounds.blobs, 1)),
      order_((bounds.capacity - bounds.spare) / generations_of_space, now),
      hot_(entries_, bounds.hot_memory),
      packs_(1),
      sequences_(first_pack << 32) {}

std::uint64_t blob_index::file_weight(std::uint64_t size) noexcept {
  std::uint64_t blocks = size / block + (size % block != 0 || size == 0 ? 1 : 0);
  return blocks * block;
}

// What of the disk goes free with this blob: what lies in a pack stays with the pack.
std::uint64_t blob_index::weight_of(const slot& which) noexcept {
  return !which.packed() || which.copied ? file_weight(which.size()) : 0;
}

// What it has of the order of use: of the bytes that there may be, or of the number of blobs, whichever is
// more. By bytes alone, all the small blobs that a store may have could be one generation, in which nothing
// is told apart.
std::uint64_t blob_index::share_of(const slot& which) const noexcept {
  const auto bytes = which.packed() ? record_size(which.function, which.size()) : file_weight(which.size());
  return std::max(bytes, least_share_);
}

// What cannot go as long as this blob is pinned.
std::uint64_t blob_index::held_by(const slot& which) noexcept {
  return which.pinned ? weight_of(which) + (which.packed() ? record_size(which.function, which.size()) : 0)
                      : 0;
}

bool blob_index::is(const slot& which, const digest& blob) const noexcept {
  if (which.named_size != blob.size || which.function != blob.function ||
      std::memcmp(which.hash.data(), blob.hash.data(), blob_entry::kept_hash) != 0)
    return false;
  if (info_of(blob.function).hash_size <= blob_entry::kept_hash) return true;
  return std::memcmp(tails_.at(which.self).data(), blob.hash.data() + blob_entry::kept_hash, tail_size) == 0;
}

digest blob_index::name_of(const slot& which) const {
  digest name;
  std::memcpy(name.hash.data(), which.hash.data(), blob_entry::kept_hash);
  name.size = which.named_size;
  name.function = which.function;
  if (info_of(name.function).hash_size > blob_entry::kept_hash)
    std::memcpy(name.hash.data() + blob_entry::kept_hash, tails_.at(which.self).data(), tail_size);
  return name;
}

blob_index::slot* blob_index::find(const digest& blob) {
  auto found = table_.find(hash_of(blob), [&](entry_id one) { return is(entries_[one], blob); });
  return found != 0 ? &entries_[found] : nullptr;
}

void blob_index::note_change(const slot& which) {
  if (held_pack* in = pack_of(which)) {
    in->changed = true;
    return;
  }
  const std::size_t part = which.self / entry_slab::part;
  if (part >= changed_files_.size()) changed_files_.resize(part + 1);
  changed_files_[part] = true;
}

void blob_index::touch(slot& which) {
  if (which.hot != 0) hot_.mark(which);
  note_change(which);
  if (which.pinned) {
    which.used = order_.now();
    return;
  }
  if (which.copied) copy_line_.splice(copy_line_.end(), copy_line_, copies_.at(which.self).in_line);
  order_.remove(which.used, share_of(which));
  if (!which.packed()) entries_.unlink(order_.files(which.used), which);
  which.used = order_.now();
  if (!which.packed()) entries_.push_back(order_.files(which.used), which);
  order_.add(which.used, share_of(which));
  order_.advance(entries_);
}

blob_index::slot& blob_index::add(const digest& blob) {
  slot& fresh = entries_.make();
  std::memcpy(fresh.hash.data(), blob.hash.data(), blob_entry::kept_hash);
  fresh.named_size = blob.size;
  fresh.function = blob.function;
  fresh.serial = ++serials_;
  if (info_of(blob.function).hash_size > blob_entry::kept_hash)
    std::memcpy(tails_[fresh.self].data(), blob.hash.data() + blob_entry::kept_hash, tail_size);
  table_.insert(hash_of(blob), fresh.self);
  return fresh;
}

// Into the sums and lines that it belongs to, as it is now; and out of them, before it changes.
void blob_index::attach(slot& which) {
  files_weight_ += weight_of(which);
  pinned_ += held_by(which);
  note_change(which);
  if (which.packed()) entries_.push_back(pack_of(which)->blobs, which);
  if (which.pinned) return;
  if (!which.packed()) entries_.push_back(order_.files(which.used), which);
  order_.add(which.used, share_of(which));
}

void blob_index::detach(slot& which) {
  files_weight_ -= weight_of(which);
  pinned_ -= held_by(which);
  if (which.packed()) {
    held_pack& in = *pack_of(which);
    entries_.unlink(in.blobs, which);
    if (in.leaving) {
      in.carried -= record_size(which.function, which.size());
      carried_ -= record_size(which.function, which.size());
    }
  }
  if (which.pinned) return;
  if (!which.packed()) entries_.unlink(order_.files(which.used), which);
  order_.remove(which.used, share_of(which));
}

blob_index::slot& blob_index::insert_file(const digest& blob, std::uint64_t size) {
  slot& which = insert_old_file(blob, size, order_.now());
  order_.advance(entries_);
  return which;
}

blob_index::slot& blob_index::insert_old_file(const digest& blob, std::uint64_t size, std::uint32_t used) {
  slot& which = add(blob);
  which.offset = static_cast<std::uint32_t>(size >> 32);
  which.length = static_cast<std::uint32_t>(size);
  which.used = order_.known(used);
  attach(which);
  return which;
}

held_pack& blob_index::pack_with(const pack_ptr& file) {
  held_pack*& there = numbers_[file->number];
  if (there) return *there;
  auto fresh = std::make_unique<held_pack>();
  fresh->file = file;
  if (free_packs_.empty()) {
    free_packs_.push_back(static_cast<std::uint32_t>(packs_.size()));
    packs_.emplace_back();
  }
  fresh->place = free_packs_.back();
  free_packs_.pop_back();
  there = fresh.get();
  there->stale = file->number < end_of_doubt_;
  packs_[fresh->place] = std::move(fresh);
  set_turn(*there, file->number);
  return *there;
}

void blob_index::set_turn(held_pack& which, std::uint64_t turn) {
  turns_.erase({which.turn, which.file->number});
  which.turn = turn;
  turns_[{turn, which.file->number}] = &which;
}

// It must not leave after what says that its records count no more: not even if it was passed over before.
void blob_index::make_stale(held_pack& which) {
  if (std::exchange(which.stale, true)) return;
  stale_leaving_ += which.leaving;
  set_turn(which, which.file->number);
}

void blob_index::forget_pack(held_pack& which, evicted_blobs& gone) {
  gone.packs.push_back(which.file->number);
  turns_.erase({which.turn, which.file->number});
  numbers_.erase(which.file->number);
  note_read(which.file->number);  // nor will it ever be
  free_packs_.push_back(which.place);
  packs_[which.place] = nullptr;
}

held_pack& blob_index::grow(const pack_place& place) {
  held_pack& in = pack_with(place.in);
  if (std::uint64_t end = place.offset + place.length; end > in.size) {
    packs_weight_ += end - in.size;
    in.size = end;
  }
  in.filled = in.got_last = order_.now();
  return in;
}

void blob_index::count_record(const pack_place& place) {
  grow(place);
}

held_pack& blob_index::insert_old_pack(const pack_ptr& file, std::uint64_t size, std::uint32_t filled) {
  held_pack& which = pack_with(file);
  which.size = size;
  which.filled = which.got_last = order_.known(filled);
  packs_weight_ += size;
  return which;
}

void blob_index::set_order(held_pack& which, const use_marks& marks) {
  which.filled = which.got_last = order_.known(marks.filled);
  if (!which.stale) set_turn(which, std::max(marks.turn, which.file->number));
}

// It is detached.
void blob_index::put_into(slot& which, held_pack& in, const pack_place& place, std::uint64_t sequence) {
  which.pack = in.place;
  which.offset = static_cast<std::uint32_t>(place.offset);
  which.length = place.length;
  which.proof = place.check;
  which.sequence = sequence;
}

blob_index::slot& blob_index::insert_packed(const digest& blob, const pack_place& place,
                                            std::uint64_t sequence) {
  slot* there = find(blob);
  slot& which = there ? *there : add(blob);
  if (there) {
    hot_.drop(which);
    detach(which);
    if (held_pack* before = pack_of(which); before && before->file->number != place.in->number)
      make_stale(*before);
  }
  held_pack& in = grow(place);
  put_into(which, in, place, sequence);
  which.used = order_.now();
  attach(which);
  order_.advance(entries_);
  return which;
}

void blob_index::insert_old_packed(held_pack& in, const record& what, std::uint32_t used,
                                   evicted_blobs& gone) {
  slot* there = find(what.blob);
  if (what.kind == record_kind::tombstone) {
    note_tombstone(what.blob, what.sequence);
    if (there && there->packed() && there->sequence <= what.sequence) erase(*there, gone);
    return;
  }
  if (there && pack_of(*there) == &in && there->sequence == what.sequence) return;  // the same one again
  auto erased = tombstones_.find(what.blob);
  bool counts = erased == tombstones_.end() || erased->second < what.sequence;
  if (there && (!there->packed() || there->sequence >= what.sequence)) counts = false;
  if (what.offset + what.length > UINT32_MAX) counts = false;  // no pack of ours
  if (!counts) return make_stale(in);
  slot& which = there ? *there : add(what.blob);
  if (there) {
    hot_.drop(which);
    detach(which);
    make_stale(*pack_of(which));
  }
  put_into(which, in, {in.file, what.offset, what.length, what.check}, what.sequence);
  which.used = order_.known(used);
  attach(which);
}

void blob_index::note_tombstone(const digest& blob, std::uint64_t sequence) {
  std::uint64_t& erased = tombstones_[blob];
  erased = std::max(erased, sequence);
}

held_pack* blob_index::find_pack(std::uint64_t number) {
  auto found = numbers_.find(number);
  return found == numbers_.end() ? nullptr : found->second;
}

std::vector<blob_index::slot*> blob_index::blobs_in(const held_pack& which, std::uint64_t most,
                                                    std::size_t count) {
  std::vector<slot*> result;
  std::uint64_t sum = 0;
  for (entry_id one = which.blobs.front; one != 0 && sum < most && result.size() < count;
       one = entries_[one].next) {
    result.push_back(&entries_[one]);
    sum += entries_[one].length;
  }
  return result;
}

void blob_index::move(slot& which, const pack_place& place) {
  // Of the pack that it fills, it is as old as what else comes now.
  held_pack& to = grow(place);
  detach(which);
  put_into(which, to, place, which.sequence);
  attach(which);
}

pack_place blob_index::place_of(const slot& which) const {
  return {packs_[which.pack]->file, which.offset, which.length, which.proof};
}

void blob_index::erase(slot& which, evicted_blobs& gone) {
  const digest name = name_of(which);
  gone.blobs.push_back(name);
  if (!which.packed()) gone.files.push_back(name);
  if (which.copied) drop_copy(which, gone);
  hot_.drop(which);
  detach(which);
  if (held_pack* in = pack_of(which); in && !in->leaving) make_stale(*in);
  if (which.pinned) pins_.erase(which.self);
  if (info_of(which.function).hash_size > blob_entry::kept_hash) tails_.erase(which.self);
  table_.erase(hash_of(name), which.self);
  entries_.drop(which);
}

void blob_index::warm(slot& which, bytes content) {
  if (!content.empty() && content.size() <= largest_hot()) hot_.put(which, std::move(content));
}

}  // namespace kiln::filesystem
