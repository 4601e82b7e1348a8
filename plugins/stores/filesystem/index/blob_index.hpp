#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/digest/digest.hpp"
#include "plugins/stores/filesystem/index/blob_table.hpp"
#include "plugins/stores/filesystem/index/generations.hpp"
#include "plugins/stores/filesystem/index/hot_blobs.hpp"
#include "plugins/stores/filesystem/index/use_marks.hpp"
#include "plugins/stores/filesystem/packs/pack_file.hpp"

namespace kiln::filesystem {

/// A pack that is there, and which of the blobs in it still count.
struct held_pack {
  pack_ptr file;
  std::uint64_t size = 0;
  std::uint64_t turn = 0;      ///< to leave: its number, or that of the newest when it was passed over
  std::uint64_t carried = 0;   ///< of a leaving one: bytes of the records that are still to be moved
  std::uint32_t filled = 0;    ///< the generation in which it got its last blob, or was passed over
  std::uint32_t got_last = 0;  ///< the same without the passing over
  std::uint32_t place = 0;     ///< among the index's packs
  std::size_t undecided = 0;   ///< of a leaving one: blobs that may still turn out not to be worth moving
  bool leaving = false;        ///< what is still in it is being moved
  bool stale = false;          ///< a record in it counts no more, and what says so lies in a later pack
  bool stuck = false;          ///< what is in it could not be moved
  bool was_stuck = false;      ///< once before
  bool changed = false;        ///< since its marks were taken
  entry_line blobs;
};

/// What has to be done on the disk because the index decided so.
struct evicted_blobs {
  std::vector<digest> blobs;         ///< all that are no longer there
  std::vector<digest> files;         ///< those among them that had files
  std::vector<digest> copies;        ///< of blobs that left or stay
  std::vector<std::uint64_t> packs;  ///< with nothing in them
  std::vector<held_pack*> leaving;   ///< with blobs in them that have to be moved elsewhere
};

/// Whether there is room now.
enum class room : std::uint8_t {
  made,
  soon,   ///< enough has left for one turn: ask again when others have been served
  later,  ///< ask again when a pack has left
  none,   ///< what must stay leaves not enough
};

/// What is there, what leaves when room is needed, and how much room is left.
///
/// Blobs leave in the order of use, to within a generation (a fiftieth of the capacity). Files leave one by
/// one, packs as a whole, in the order in which they were filled. What was used again since, and among the
/// last three quarters of all, is moved on to a newer pack, and so is what is pinned. Few packs leave at
/// once, so whoever needs more room has to wait until they have. A file counts with its blocks (4 KiB each,
/// at least one), a pack with all its bytes, and what is being written is reserved before: the disk never
/// holds more than the capacity.
///
/// Confined to one actor: no locks inside.
class blob_index {
public:
  struct limits {
    std::uint64_t capacity = 0;
    std::uint64_t spare = 0;  ///< part of the capacity that packs on their way out may take
    std::uint64_t hot_memory = 0;
    std::uint64_t hot_blob = 64 << 10;  ///< the largest that is kept in memory
    std::size_t blobs = SIZE_MAX;       ///< so many at most
    std::size_t at_once = 4096;         ///< that leave in one turn of the actor, which takes milliseconds
    bool overwritten = false;           ///< a later record under a name may say something else
  };
  using slot = blob_entry;

  static constexpr std::uint64_t block = 4096;
  static std::uint64_t file_weight(std::uint64_t size) noexcept;
  /// Bytes of memory that a blob takes at most, if its hash has no more than 32 bytes.
  static constexpr std::uint64_t memory_of_blob = 120;

  /// `first_pack` is the number of the first pack that this process may write. Every record of it gets a
  /// sequence above those of all processes before. `now` is a generation after theirs.
  blob_index(limits bounds, std::uint64_t first_pack, std::uint32_t now = generations::first);
  blob_index(const blob_index&) = delete;
  blob_index& operator=(const blob_index&) = delete;

  /// Does not count as a use. The pointer is good until the blob leaves.
  slot* find(const digest& blob);
  /// The same for many, side by side, which is several times as fast: `each` gets the place of a digest among
  /// them, its hash, and what was found.
  template <class Each>
  void find_all(std::span<const digest> blobs, Each each);
  void use(slot& which) {
    if (which.used != order_.now()) touch(which);
  }
  digest name_of(const slot& which) const;

  /// In a file, as used last. The digest must be unknown.
  slot& insert_file(const digest& blob, std::uint64_t size);
  /// Found on the disk, last used in that generation.
  slot& insert_old_file(const digest& blob, std::uint64_t size, std::uint32_t used);
  /// In a pack. What was there under this digest before counts no more, but keeps its pins.
  slot& insert_packed(const digest& blob, const pack_place& place, std::uint64_t sequence);
  /// A record was written that is no blob's: an tombstone, or a second one of a blob. It takes its room.
  void count_record(const pack_place& place);
  /// The same for what an earlier process left; of records with one digest the one with the highest sequence
  /// counts, and its tombstone if that is higher still.
  void insert_old_packed(held_pack& in, const record& what, std::uint32_t used, evicted_blobs& gone);
  void insert_old_packed(held_pack& in, const record& what) {
    evicted_blobs nobody_knew;
    insert_old_packed(in, what, in.filled, nobody_knew);
  }
  held_pack& insert_old_pack(const pack_ptr& file, std::uint64_t size, std::uint32_t filled);
  /// The generation of what was last used so many hours before the start.
  std::uint32_t hours_before(std::uint64_t hours_ago) const noexcept { return order_.before(hours_ago); }
  /// The same bytes at another place: they were used lately, and their pack leaves.
  void move(slot& which, const pack_place& place);
  void erase(slot& which, evicted_blobs& gone);

  held_pack* find_pack(std::uint64_t number);
  /// Null if it has a file.
  held_pack* pack_of(const slot& which) noexcept { return packs_[which.pack].get(); }
  /// The first of those in it, with so many bytes or a little more, and no more than `count`.
  std::vector<slot*> blobs_in(const held_pack& which, std::uint64_t most = UINT64_MAX,
                              std::size_t count = SIZE_MAX);
  std::uint64_t next_sequence() noexcept { return ++sequences_; }
  /// Old records of this digest, up to this sequence, count no more when they come.
  void note_tombstone(const digest& blob, std::uint64_t sequence);
  /// No more old records come.
  void forget_tombstones() { tombstones_.clear(); }
  pack_place place_of(const slot& which) const;

  /// Some of this pack could not be read yet. Where names are overwritten, it may have in it what replaces or
  /// erases any record in the packs before it, or in itself.
  void note_unreadable(std::uint64_t pack);
  void note_read(std::uint64_t pack);
  /// Those that are still there.
  const std::set<std::uint64_t>& unread() const noexcept { return unreadable_; }
  /// What it says may not be the truth, for that could not be read yet.
  bool is_doubtful(const slot& which) const noexcept {
    return end_of_doubt_ != 0 && which.packed() && packs_[which.pack]->file->number < end_of_doubt_;
  }
  /// There is neither that doubt nor a file that could not be read.
  bool stands(const slot& which) const noexcept { return !which.unread && !is_doubtful(which); }
  void set_unread(slot& which, bool unread);

  /// Keeps the blob's bytes in memory, if they are small enough to.
  void warm(slot& which, bytes content);
  /// Empty if they are not in memory.
  const bytes& hot(const slot& which) noexcept { return hot_.read(which); }
  void add_copy(slot& which);
  void drop_copy(slot& which, evicted_blobs& gone);
  /// The stamp of its file, or of its copy, when that was known to be right; 0 is never.
  std::int64_t verified(const slot& which) const;
  void set_verified(slot& which, std::int64_t stamp);

  /// The serial by which to unpin. A blob that was erased meanwhile is unpinned by that; one that came anew
  /// under the digest has pins of its own.
  std::uint64_t pin(slot& which);
  void unpin(const digest& blob, std::uint64_t serial);

  /// Makes room, and reserves it. Packs from number `open` on are being written to and stay.
  room reserve(std::uint64_t weight, std::uint64_t open, evicted_blobs& gone);
  void release(std::uint64_t weight) noexcept { reserved_ -= weight; }
  /// Room that will be reserved later or bit by bit: nobody else can have it, but nothing leaves for it yet.
  /// False if what must stay leaves not enough.
  bool promise(std::uint64_t weight) noexcept;
  /// Reserves some of what was promised. None if too much has been pinned since.
  room redeem(std::uint64_t weight, std::uint64_t open, evicted_blobs& gone);
  void take_back(std::uint64_t promised) noexcept { promised_ -= promised; }
  /// Drops at least so much, or all that may leave: for when the disk is fuller than we know, so that nothing
  /// can be moved either.
  void shed(std::uint64_t weight, std::uint64_t open, evicted_blobs& gone);
  /// What could be moved was moved. A pack with nothing left in it is added to `gone`; another one stays, and
  /// is not tried again before others were.
  void finish_leaving(held_pack& which, evicted_blobs& gone);
  bool is_leaving() const noexcept { return leaving_ > 0; }
  /// The blobs of a pack leave some at a time. Whoever sees that this has begun goes on with it, in a later
  /// turn.
  bool is_dropping() const noexcept { return dropping_ != nullptr; }
  void go_on_dropping(evicted_blobs& gone) { drop_some(limits_.at_once, gone); }

  /// How far the order of use was kept for the next start: packs from this number on, then parts of the
  /// files.
  struct mark_round {
    std::uint64_t pack = 0;
    std::size_t part = 0;
  };
  /// The next ones whose order changed since it was taken last, unsorted; no further than this many blobs.
  /// None: the round is over.
  std::vector<std::pair<std::string, use_marks>> take_changed_marks(mark_round& from, std::size_t blobs);
  /// As an earlier process left it.
  void set_order(held_pack& which, const use_marks& marks);

  std::size_t size() const noexcept { return table_.size(); }
  std::size_t packs() const noexcept { return numbers_.size(); }
  std::uint64_t weight() const noexcept { return files_weight_ + packs_weight_ + carried_; }
  std::uint64_t reserved() const noexcept { return reserved_; }
  std::uint64_t promised() const noexcept { return promised_; }
  std::uint64_t capacity() const noexcept { return limits_.capacity; }
  std::size_t max_blobs() const noexcept { return limits_.blobs; }
  /// What blobs may take at most.
  std::uint64_t space() const noexcept { return limits_.capacity - limits_.spare; }
  std::uint64_t pinned() const noexcept { return pinned_; }
  std::uint64_t hot_weight() const noexcept { return hot_.weight(); }
  /// What is larger is not kept in memory.
  std::uint64_t largest_hot() const noexcept {
    const auto memory = limits_.hot_memory;
    return std::min(limits_.hot_blob, memory - std::min(memory, hot_blobs::overhead));
  }
  std::uint32_t now() const noexcept { return order_.now(); }

private:
  struct copy {
    std::int64_t verified = 0;
    std::list<entry_id>::iterator in_line;
  };
  /// What of a pack would stay if it left.
  struct survivors {
    std::uint64_t weight = 0;
    bool any_pinned = false;
  };
  static constexpr std::size_t tail_size = digest::max_hash_size - blob_entry::kept_hash;
  using hash_tail = std::array<std::uint8_t, tail_size>;

  static std::uint64_t hash_of(const digest& blob) noexcept { return std::hash<digest>{}(blob); }
  static std::uint64_t weight_of(const slot& which) noexcept;
  std::uint64_t share_of(const slot& which) const noexcept;
  static std::uint64_t held_by(const slot& which) noexcept;

  bool is(const slot& which, const digest& blob) const noexcept;
  void touch(slot& which);
  void note_change(const slot& which);
  std::size_t put_marks_of(const held_pack& which, use_marks& result) const;
  use_marks marks_of_files(std::size_t part) const;
  slot& add(const digest& blob);
  void attach(slot& which);
  void detach(slot& which);
  held_pack& pack_with(const pack_ptr& file);
  held_pack& grow(const pack_place& place);
  void put_into(slot& which, held_pack& in, const pack_place& place, std::uint64_t sequence);
  void set_turn(held_pack& which, std::uint64_t turn);
  void make_stale(held_pack& which);
  void forget_pack(held_pack& which, evicted_blobs& gone);
  void find_end_of_doubt() noexcept;

  bool can_spare(std::uint64_t weight) const noexcept;
  bool fits(std::uint64_t weight) const noexcept;
  room make_room(std::uint64_t weight, std::uint64_t open, evicted_blobs& gone);
  room drop_until_fits(std::uint64_t weight, std::uint64_t open, evicted_blobs& gone);
  room drop_next(std::uint64_t open, evicted_blobs& gone);
  room drop_a_pack(held_pack* next, std::uint64_t open);
  slot* next_file() noexcept;
  held_pack* next_pack(std::uint64_t open) noexcept;
  bool survives(const slot& which, const held_pack& in, std::uint32_t since) const noexcept;
  survivors survivors_of(const held_pack& which, std::uint32_t since) const noexcept;
  void pass_over(held_pack& which);
  void forget_stuck();
  void begin_dropping(held_pack& which, std::uint32_t since) noexcept;
  void drop_some(std::size_t most, evicted_blobs& gone);
  void drop_at_once(held_pack& which, evicted_blobs& gone);
  bool shed_one(std::uint64_t open, evicted_blobs& gone);

  const limits limits_;
  const std::uint64_t least_share_;  ///< of the order of use, for one blob
  entry_slab entries_;
  blob_table table_;
  generations order_;
  hot_blobs hot_;
  std::vector<std::unique_ptr<held_pack>> packs_;  // the first is nobody's
  std::vector<std::uint32_t> free_packs_;
  std::map<std::uint64_t, held_pack*> numbers_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, held_pack*> turns_;  // by turn and number
  std::unordered_map<entry_id, hash_tail> tails_;                        // of hashes above 32 bytes
  std::unordered_map<entry_id, std::uint32_t> pins_;
  std::unordered_map<entry_id, copy> copies_;
  std::list<entry_id> copy_line_;  // of all but pinned ones, used last at the back
  std::uint64_t files_weight_ = 0;
  std::uint64_t packs_weight_ = 0;
  std::uint64_t carried_ = 0;
  std::uint64_t reserved_ = 0;
  std::uint64_t promised_ = 0;
  std::uint64_t pinned_ = 0;
  std::uint64_t sequences_;
  std::uint32_t serials_ = 0;
  std::size_t leaving_ = 0;
  held_pack* dropping_ = nullptr;     // not all of its blobs were looked at
  std::uint32_t dropping_since_ = 0;  // what was used from then on survives
  std::size_t stuck_ = 0;
  bool room_wanted_ = false;  // somebody asked for room, and was told to ask again
  std::size_t stale_leaving_ = 0;
  std::set<std::uint64_t> unreadable_;
  std::uint64_t end_of_doubt_ = 0;                        // of the packs before this one; 0: there is none
  std::vector<bool> changed_files_;                       // by the parts of the slab
  std::size_t passed_over_ = 0;                           // one after the other, and nothing won
  std::unordered_map<digest, std::uint64_t> tombstones_;  // of records that may still come, at the start
};

// The three waits for memory, of the table, of the entry and of what it is asked about, are each begun for a
// group of digests before the first is needed; while a group is looked at, the next one's entries are on
// their way.
template <class Each>
void blob_index::find_all(std::span<const digest> blobs, Each each) {
  constexpr std::size_t together = 16;
  struct group {
    std::array<std::uint64_t, together> hashes;
    std::array<entry_id, together> candidates;
  };
  std::array<group, 3> groups;
  const std::size_t count = (blobs.size() + together - 1) / together;
  auto digests_of = [&](std::size_t n) {
    return blobs.subspan(n * together).first(std::min(together, blobs.size() - n * together));
  };
  auto hash = [&](std::size_t n) {
    auto some = digests_of(n);
    for (std::size_t i = 0; i < some.size(); ++i) {
      groups[n % 3].hashes[i] = hash_of(some[i]);
      table_.prefetch(groups[n % 3].hashes[i]);
    }
  };
  auto look_up = [&](std::size_t n) {
    group& in = groups[n % 3];
    for (std::size_t i = 0; i < digests_of(n).size(); ++i) {
      in.candidates[i] = table_.find(in.hashes[i], [](entry_id) { return true; });
      if (in.candidates[i] == 0) continue;
      const char* entry = reinterpret_cast<const char*>(&entries_[in.candidates[i]]);
      __builtin_prefetch(entry);
      __builtin_prefetch(entry + sizeof(slot) - 1);
    }
  };
  auto compare = [&](std::size_t n) {
    const group& in = groups[n % 3];
    auto some = digests_of(n);
    for (std::size_t i = 0; i < some.size(); ++i) {
      slot* found = in.candidates[i] != 0 ? &entries_[in.candidates[i]] : nullptr;
      if (found && !is(*found, some[i])) found = find(some[i]);  // two with one half of a hash
      each(n * together + i, in.hashes[i], found);
    }
  };
  for (std::size_t n = 0; n < count + 2; ++n) {
    if (n < count) hash(n);
    if (n >= 1 && n - 1 < count) look_up(n - 1);
    if (n >= 2) compare(n - 2);
  }
}

}  // namespace kiln::filesystem
