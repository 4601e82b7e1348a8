#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "plugins/stores/filesystem/index/blob_entry.hpp"

namespace kiln::filesystem {

/// From the hash of a digest to its entry. Open addressing with linear probing: a place has the lower half of
/// the hash beside the entry's number, so that what is absent is found absent without a look at any entry,
/// and growing hashes nothing anew.
///
/// In 256 parts by the upper bits, each of which grows by itself: with ten million blobs none of them takes
/// more than a millisecond.
class blob_table {
public:
  /// The entry for which `is_it` holds, of those with this hash; 0 if there is none.
  template <class Test>
  entry_id find(std::uint64_t hash, Test is_it) const {
    const part& in = part_of(hash);
    if (!in.places) return 0;
    const auto tag = static_cast<std::uint32_t>(hash);
    for (std::uint32_t at = tag & in.mask;; at = (at + 1) & in.mask) {
      const place& here = in.places[at];
      if (here.entry == 0) return 0;
      if (here.tag == tag && is_it(here.entry)) return here.entry;
    }
  }
  /// There must be none that is the same.
  void insert(std::uint64_t hash, entry_id which);
  void erase(std::uint64_t hash, entry_id which) noexcept;

  std::size_t size() const noexcept { return size_; }
  /// Tells the processor that `find` will be called soon.
  void prefetch(std::uint64_t hash) const noexcept {
    const part& in = part_of(hash);
    if (in.places) __builtin_prefetch(&in.places[static_cast<std::uint32_t>(hash) & in.mask]);
  }

private:
  static constexpr unsigned part_bits = 8;

  struct place {
    std::uint32_t tag = 0;
    entry_id entry = 0;
  };
  struct part {
    std::unique_ptr<place[]> places;
    std::uint32_t mask = 0;
    std::uint32_t count = 0;
  };

  const part& part_of(std::uint64_t hash) const noexcept { return parts_[hash >> (64 - part_bits)]; }
  part& part_of(std::uint64_t hash) noexcept { return parts_[hash >> (64 - part_bits)]; }
  static void put(part& in, place what) noexcept;
  static void grow(part& which);

  std::array<part, 1 << part_bits> parts_;
  std::size_t size_ = 0;
};

}  // namespace kiln::filesystem
