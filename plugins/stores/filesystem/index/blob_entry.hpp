#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/digest/digest.hpp"

namespace kiln::filesystem {

/// One of an index's entries. 0 is none.
using entry_id = std::uint32_t;

/// One blob that is there: in a file of its own, or in a pack. There may be ten million of them, so an entry
/// holds what every blob has, and no pointers. What few have lies beside: the rest of a long hash,
/// holds, hot bytes, lent copies.
struct blob_entry {
  static constexpr std::size_t kept_hash = 32;

  std::array<std::uint8_t, kept_hash> hash;
  std::int64_t named_size;  ///< of the digest
  std::uint64_t sequence;   ///< of its record
  std::uint64_t proof;      ///< in a pack the record's check, else the stamp of the file that was proved
  std::uint32_t offset;     ///< in the pack; else the upper half of the size
  std::uint32_t length;     ///< of its bytes in the pack; else the lower half
  std::uint32_t serial;     ///< of this coming: a blob that left and came back has another one
  std::uint32_t used;       ///< the generation in which it was used last
  entry_id self;
  std::uint32_t pack;  ///< among the index's packs; 0: it has a file
  entry_id next;       ///< in the line of its pack, or of the files of its generation
  entry_id before;
  std::uint32_t hot;  ///< among the hot blobs; 0: it is not
  digest_function function;
  bool pinned : 1;  ///< does not leave
  bool copied : 1;  ///< packed, and there is a copy in a file to be lent
  bool unread : 1;  ///< its file could not be read, which may pass

  bool packed() const noexcept { return pack != 0; }
  std::uint64_t size() const noexcept { return packed() ? length : std::uint64_t{offset} << 32 | length; }
};
static_assert(sizeof(blob_entry) <= 96);

/// Entries one behind the other, linked by their numbers.
struct entry_line {
  entry_id front = 0;
  entry_id back = 0;
  bool empty() const noexcept { return front == 0; }
};

/// Where entries live. Their addresses stay, and growing moves nothing.
class entry_slab {
public:
  blob_entry& operator[](entry_id id) noexcept { return chunks_[id / chunk][id % chunk]; }
  const blob_entry& operator[](entry_id id) const noexcept { return chunks_[id / chunk][id % chunk]; }

  blob_entry& make();
  void drop(blob_entry& which) noexcept;

  void push_back(entry_line& to, blob_entry& which) noexcept;
  void unlink(entry_line& from, blob_entry& which) noexcept;
  /// Parts of all that ever were, of this many.
  static constexpr entry_id part = 65536;
  template <class Each>
  void each_of(std::size_t which, Each each) const {
    const std::uint64_t end = std::min<std::uint64_t>((which + 1) * part, std::uint64_t{made_} + 1);
    for (std::uint64_t id = which * part; id < end; ++id)
      if (const blob_entry& one = (*this)[static_cast<entry_id>(id)]; one.self != 0) each(one);
  }
  /// All of `from` goes before all of `to`.
  void prepend(entry_line& to, entry_line from) noexcept;

private:
  // As many as fit into a huge page: a look at one among millions costs one miss, not a walk of page tables,
  // too.
  static constexpr std::size_t chunk_bytes = 2 << 20;
  static constexpr entry_id chunk = chunk_bytes / sizeof(blob_entry);
  struct free_chunk {
    void operator()(blob_entry* which) const noexcept;
  };
  static std::unique_ptr<blob_entry[], free_chunk> make_chunk();

  std::vector<std::unique_ptr<blob_entry[], free_chunk>> chunks_;
  entry_id made_ = 0;  // so many were in use at once; the first one is nobody's
  entry_id free_ = 0;  // those that are not any more, linked
};

}  // namespace kiln::filesystem
