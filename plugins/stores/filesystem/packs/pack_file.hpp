#pragma once

#include <memory>
#include <string>
#include <vector>

#include "plugins/stores/filesystem/index/use_marks.hpp"
#include "plugins/stores/filesystem/packs/pack_table.hpp"
#include "plugins/stores/filesystem/store/engine.hpp"

namespace kiln::filesystem {

/// An open pack. Any thread; whoever holds it can read from it, removed or not.
struct pack_file {
  std::uint64_t number = 0;
  descriptor file;
};
using pack_ptr = std::shared_ptr<const pack_file>;

/// Where the payload of a record lies.
struct pack_place {
  pack_ptr in;
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
  std::uint64_t check = 0;
};

std::string pack_name(std::uint64_t number);
std::string pack_index_name(std::uint64_t number);

/// The numbers of the packs that are there, the newest first. INTERNAL if the folder cannot be read.
expected<std::vector<std::uint64_t>> list_packs(const store_folder& folder);

/// An index without its pack goes, for somebody has removed that, or began to: the number will serve again.
/// Their numbers. For before packs are listed.
std::vector<std::uint64_t> forget_lost_packs(const store_folder& folder);

/// What an earlier process left in a pack: what its index says, or where there is none that can be trusted,
/// every record that is whole and right. Then an index is written, unless something is wrong with the pack:
/// what cannot be read now may be another time, and what is damaged is told of at every start.
/// FAILED_PRECONDITION where something has the name that is no file.
struct loaded_pack {
  pack_ptr file;
  std::uint64_t size = 0;
  std::uint64_t hours_unused = 0;
  pack_table_ptr records;
  std::optional<use_marks> marks;
  std::uint64_t holes = 0;  ///< damaged places before its last record
  bool unreadable = false;  ///< the disk could not read some of it
  bool unsynced = false;    ///< all of it was read, and a power cut may take some
  bool bare = false;        ///< it never held any record
  /// There may be more in it than was found.
  bool hurt() const noexcept { return holes > 0 || unreadable || unsynced; }
};
expected<loaded_pack> load_pack(const engine& with, std::uint64_t number);

/// `covered`: bytes of the pack that the records are all of. For thread pool threads; whether it is there is
/// found out by the next start, so nothing is synced.
void write_pack_index(const engine& with, std::uint64_t number, std::uint64_t covered,
                      std::vector<record> records);
void remove_pack(const engine& with, std::uint64_t number);

/// NOT_FOUND unless the bytes at that place are the blob's.
struct packed_read {
  expected<bytes> content;
  bool may_pass = false;  ///< the disk could not read it, and perhaps can another time
};
packed_read read_packed(const engine& with, const digest& blob, const pack_place& place);
/// Nothing where that would block.
std::optional<bytes> read_packed_cached(const engine& with, const digest& blob, const pack_place& place);

}  // namespace kiln::filesystem
