#pragma once

#include <algorithm>
#include <array>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/digest/digest.hpp"

namespace kiln::filesystem {

namespace intrusive = boost::intrusive;
using line_hook = intrusive::list_member_hook<intrusive::link_mode<intrusive::auto_unlink>>;

/// One blob that is there.
struct blob_entry {
  std::uint64_t size = 0;       ///< of its bytes
  std::uint64_t weight = 0;     ///< of the disk: what it counts against the capacity
  std::uint64_t serial = 0;     ///< of this coming: a blob that left and came back has another one
  std::int64_t verified = 0;    ///< mtime of the file when its bytes were known to be right; 0 is never
  std::uint32_t pins = 0;       ///< holds: as long as there are any it does not leave
  std::uint32_t hour_used = 0;  ///< when its use was last written to the disk
  bytes hot;                    ///< its bytes, where they are small and were used lately
  line_hook in_line{};
  line_hook in_hot_line{};
};

/// What is there, what may leave, and how much room is left. The order of leaving is that of use; pinned
/// blobs stay. A blob counts with the blocks of its file (4 KiB each, at least one); room for what is being
/// written is reserved before, so the disk never holds more than the capacity.
///
/// Confined to one actor: no locks inside.
class blob_index {
public:
  struct limits {
    std::uint64_t capacity = 0;
    std::uint64_t hot_memory = 0;
    std::uint64_t hot_blob = 64 << 10;  ///< the largest that is kept in memory
  };
  using slot = std::pair<const digest, blob_entry>;

  static constexpr std::uint64_t block = 4096;
  static std::uint64_t weight_of(std::uint64_t size) noexcept;

  explicit blob_index(limits bounds) : limits_(bounds) {}
  blob_index(const blob_index&) = delete;
  blob_index& operator=(const blob_index&) = delete;

  /// Does not count as a use. The pointer is good until the blob leaves.
  slot* find(const digest& blob);
  void use(slot& which);
  /// As used last. What was there under this digest has to be erased before.
  slot& insert(const digest& blob, std::uint64_t size);
  /// Found on the disk, last used so many hours before the start: older than all that is used since.
  slot& insert_old(const digest& blob, std::uint64_t size, std::uint64_t hours_ago);
  void erase(slot& which);
  /// Its bytes were replaced by others.
  slot& resize(slot& which, std::uint64_t size);

  /// Keeps the blob's bytes in memory, if they are small enough to.
  void warm(slot& which, bytes content);

  /// The serial by which to unpin. A blob that was erased meanwhile is unpinned by that; one that came anew
  /// under the digest has pins of its own.
  std::uint64_t pin(slot& which);
  void unpin(const digest& blob, std::uint64_t serial);

  /// Makes room by erasing what was used least, whose digests are appended to `evicted`, and reserves it.
  /// False, with nothing changed, if even that would not make enough.
  bool reserve(std::uint64_t weight, std::vector<digest>& evicted);
  void release(std::uint64_t weight) noexcept { reserved_ -= weight; }
  /// Erases at least so much, or all that may leave: for when the disk is fuller than we know.
  void shed(std::uint64_t weight, std::vector<digest>& evicted);

  std::size_t size() const noexcept { return slots_.size(); }
  std::uint64_t weight() const noexcept { return weight_; }
  std::uint64_t reserved() const noexcept { return reserved_; }
  std::uint64_t capacity() const noexcept { return limits_.capacity; }
  std::uint64_t pinned_weight() const noexcept { return pinned_weight_; }
  std::uint64_t hot_weight() const noexcept { return hot_weight_; }
  /// What is larger is not kept in memory.
  std::uint64_t largest_hot() const noexcept { return std::min(limits_.hot_blob, limits_.hot_memory); }

private:
  using line =
      intrusive::list<blob_entry, intrusive::member_hook<blob_entry, line_hook, &blob_entry::in_line>,
                      intrusive::constant_time_size<false>>;
  using hot_line =
      intrusive::list<blob_entry, intrusive::member_hook<blob_entry, line_hook, &blob_entry::in_hot_line>,
                      intrusive::constant_time_size<false>>;

  static slot& slot_of(blob_entry& entry) noexcept;
  slot& add(const digest& blob, std::uint64_t size);
  slot* next_victim() noexcept;
  void cool(blob_entry& entry);
  static std::size_t age_of(std::uint64_t hours_ago) noexcept;

  const limits limits_;
  // Before the slots, whose entries leave their lines when they die.
  line used_;                     // since the start, last at the back
  std::array<line, 256> unused_;  // since the start, by age
  std::size_t oldest_ = 0;        // no line behind this one has any
  hot_line hot_;
  std::unordered_map<digest, blob_entry> slots_;
  std::uint64_t weight_ = 0;
  std::uint64_t reserved_ = 0;
  std::uint64_t pinned_weight_ = 0;
  std::uint64_t hot_weight_ = 0;
  std::uint64_t serials_ = 0;
};

}  // namespace kiln::filesystem
