#pragma once

#include <algorithm>
#include <array>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/digest/digest.hpp"
#include "plugins/stores/filesystem/pack_file.hpp"

namespace kiln::filesystem {

namespace intrusive = boost::intrusive;
using line_hook = intrusive::list_member_hook<intrusive::link_mode<intrusive::auto_unlink>>;

struct held_pack;

/// One blob that is there: in a file of its own, or in a pack.
struct blob_entry {
  std::uint64_t size = 0;      ///< of its bytes
  std::uint64_t serial = 0;    ///< of this coming: a blob that left and came back has another one
  std::uint64_t sequence = 0;  ///< of its record
  std::int64_t used = 0;       ///< when it was used last, by the index's clock
  std::int64_t verified = 0;   ///< stamp of its file when that was known to be right; 0 is never
  held_pack* in = nullptr;     ///< null: it has a file
  std::uint64_t offset = 0;    ///< in the pack
  std::uint64_t check = 0;     ///< of the record
  std::uint32_t pins = 0;      ///< holds: as long as there are any it does not leave
  bool copied = false;         ///< packed, and there is a copy in a file to be lent
  bytes hot;                   ///< its bytes, where they are small and were used lately
  line_hook in_line{};         ///< of files, or of the pack
  line_hook in_hot_line{};
  line_hook in_copy_line{};
};

template <line_hook blob_entry::*Hook>
using entry_line = intrusive::list<blob_entry, intrusive::member_hook<blob_entry, line_hook, Hook>,
                                   intrusive::constant_time_size<false>>;

/// A pack that is there, and which of the blobs in it still count.
struct held_pack {
  pack_ptr file;
  std::uint64_t size = 0;
  std::int64_t filled = 0;  ///< when it got its last blob
  bool leaving = false;     ///< what is still in it is being moved
  entry_line<&blob_entry::in_line> blobs;
};

/// What has to be done on the disk because the index decided so.
struct departures {
  std::vector<digest> blobs;         ///< all that are no longer there
  std::vector<digest> files;         ///< those among them that had files
  std::vector<digest> copies;        ///< of blobs that left or stay
  std::vector<std::uint64_t> packs;  ///< with nothing in them
  std::vector<held_pack*> leaving;   ///< with blobs in them that have to be moved elsewhere
};

/// What is there, what leaves when room is needed, and how much room is left.
///
/// Blobs in files leave in the order of use. Packs leave in the order in which they were filled, but what was
/// used lately is moved on to a newer one. Of the two ends the older is next. Pinned blobs stay. A file
/// counts with its blocks (4 KiB each, at least one), a pack with all its bytes, and what is being written is
/// reserved before: the disk never holds more than the capacity.
///
/// Confined to one actor: no locks inside.
class blob_index {
public:
  struct limits {
    std::uint64_t capacity = 0;
    std::uint64_t spare = 0;  ///< part of the capacity that packs on their way out may take
    std::uint64_t hot_memory = 0;
    std::uint64_t hot_blob = 64 << 10;  ///< the largest that is kept in memory
  };
  using slot = std::pair<const digest, blob_entry>;

  static constexpr std::uint64_t block = 4096;
  static std::uint64_t file_weight(std::uint64_t size) noexcept;

  /// `first_pack` is the number of the first pack that this process may write. Every record of it gets a
  /// sequence above those of all processes before.
  blob_index(limits bounds, std::uint64_t first_pack) : limits_(bounds), sequences_(first_pack << 32) {}
  blob_index(const blob_index&) = delete;
  blob_index& operator=(const blob_index&) = delete;

  /// Does not count as a use. The pointer is good until the blob leaves.
  slot* find(const digest& blob);
  void use(slot& which);

  /// In a file, as used last. The digest must be unknown.
  slot& insert_file(const digest& blob, std::uint64_t size);
  /// Found on the disk, last used so many hours before the start: older than all that was used since.
  slot& insert_old_file(const digest& blob, std::uint64_t size, std::uint64_t hours_ago);
  /// In a pack. What was there under this digest before counts no more, but keeps its pins.
  slot& insert_packed(const digest& blob, const pack_place& place, std::uint64_t sequence);
  /// The same for what an earlier process left; of records with one digest the one with the highest sequence
  /// counts, and its erasure if that is higher still.
  void insert_old_packed(held_pack& in, const record& what);
  held_pack& insert_old_pack(const pack_ptr& file, std::uint64_t size, std::uint64_t hours_ago);
  /// The same bytes at another place: they were used lately, and their pack leaves.
  void move(slot& which, const pack_place& place);
  void erase(slot& which, departures& gone);

  static slot& slot_of(blob_entry& entry) noexcept;
  held_pack* find_pack(std::uint64_t number);
  std::uint64_t next_sequence() noexcept { return ++sequences_; }
  /// Old records of this digest, up to this sequence, count no more when they come.
  void note_erasure(const digest& blob, std::uint64_t sequence);
  /// No more old records come.
  void forget_erasures() { erasures_.clear(); }
  pack_place place_of(const slot& which) const;

  /// Keeps the blob's bytes in memory, if they are small enough to.
  void warm(slot& which, bytes content);
  void add_copy(slot& which);
  void drop_copy(slot& which, departures& gone);

  /// The serial by which to unpin. A blob that was erased meanwhile is unpinned by that; one that came anew
  /// under the digest has pins of its own.
  std::uint64_t pin(slot& which);
  void unpin(const digest& blob, std::uint64_t serial);

  /// Makes room, and reserves it. False if what must stay leaves not enough. Packs from number `open` on are
  /// being written to and stay.
  bool reserve(std::uint64_t weight, std::uint64_t open, departures& gone);
  void release(std::uint64_t weight) noexcept { reserved_ -= weight; }
  /// Room that will be reserved bit by bit: nobody else can have it, but nothing leaves for it yet. False if
  /// what must stay leaves not enough.
  bool promise(std::uint64_t weight) noexcept;
  /// Reserves some of what was promised. False if too much has been pinned since.
  bool redeem(std::uint64_t weight, std::uint64_t open, departures& gone);
  void take_back(std::uint64_t promised) noexcept { promised_ -= promised; }
  /// Drops at least so much, or all that may leave: for when the disk is fuller than we know.
  void shed(std::uint64_t weight, std::uint64_t open, departures& gone);
  /// What could be moved was moved. A pack with nothing left in it is added to `gone`; another one stays.
  void finish_leaving(held_pack& which, departures& gone);

  std::size_t size() const noexcept { return slots_.size(); }
  std::size_t packs() const noexcept { return packs_.size(); }
  std::uint64_t weight() const noexcept { return files_weight_ + packs_weight_; }
  std::uint64_t reserved() const noexcept { return reserved_; }
  std::uint64_t promised() const noexcept { return promised_; }
  std::uint64_t capacity() const noexcept { return limits_.capacity; }
  /// What blobs may take at most.
  std::uint64_t room() const noexcept { return limits_.capacity - limits_.spare; }
  std::uint64_t pinned() const noexcept { return pinned_; }
  std::uint64_t hot_weight() const noexcept { return hot_weight_; }
  /// What is larger is not kept in memory.
  std::uint64_t largest_hot() const noexcept { return std::min(limits_.hot_blob, limits_.hot_memory); }
  void expect(std::size_t more) { slots_.reserve(slots_.size() + more); }

private:
  static std::size_t age_of(std::uint64_t hours_ago) noexcept;
  static std::uint64_t weight_of(const blob_entry& entry) noexcept;
  static std::uint64_t held_by(const blob_entry& entry) noexcept;

  slot& add(const digest& blob);
  held_pack& pack_of(const pack_ptr& file);
  void put_into(slot& which, held_pack& in, const pack_place& place);
  void cool(blob_entry& entry);
  bool can_spare(std::uint64_t weight) const noexcept;
  bool drop_until_fits(std::uint64_t weight, std::uint64_t open, departures& gone);
  bool drop_next(std::uint64_t open, departures& gone);
  slot* next_file() noexcept;
  held_pack* next_pack(std::uint64_t open) noexcept;
  void drop_pack(held_pack& which, departures& gone);
  std::vector<slot*> survivors_of(held_pack& which);

  const limits limits_;
  // Before the slots, whose entries leave their lines when they die.
  entry_line<&blob_entry::in_line> used_;                     // since the start, last at the back
  std::array<entry_line<&blob_entry::in_line>, 256> unused_;  // since the start, by age
  std::size_t oldest_ = 0;                                    // no line behind this one has any
  entry_line<&blob_entry::in_hot_line> hot_;
  entry_line<&blob_entry::in_copy_line> copies_;  // those that are not pinned
  std::map<std::uint64_t, held_pack> packs_;
  std::unordered_map<digest, blob_entry> slots_;
  std::uint64_t files_weight_ = 0;
  std::uint64_t packs_weight_ = 0;
  std::uint64_t reserved_ = 0;
  std::uint64_t promised_ = 0;
  std::uint64_t pinned_ = 0;
  std::uint64_t hot_weight_ = 0;
  std::uint64_t serials_ = 0;
  std::uint64_t sequences_;
  std::size_t leaving_ = 0;
  std::unordered_map<digest, std::uint64_t> erasures_;  // of records that may still come, at the start
  std::int64_t now_ = 0;  // bytes that came since the start; before it, hours count backwards
};

}  // namespace kiln::filesystem
