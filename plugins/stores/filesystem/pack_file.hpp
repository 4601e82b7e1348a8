#pragma once

#include <memory>
#include <string>
#include <vector>

#include "plugins/stores/filesystem/engine.hpp"
#include "plugins/stores/filesystem/pack_format.hpp"
#include "plugins/stores/filesystem/use_marks.hpp"

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

/// What an earlier process left in a pack: its index, or where there is none every record up to the first
/// that is not whole and right. Then its index is written.
struct loaded_pack {
  pack_ptr file;
  std::uint64_t size = 0;
  std::uint64_t hours_unused = 0;
  std::vector<record> records;
  std::optional<use_marks> marks;
};
expected<loaded_pack> load_pack(const engine& with, std::uint64_t number);

/// For crew threads: whether it is there is found out from the next start's index, so nothing is synced.
void write_pack_index(const engine& with, std::uint64_t number, std::uint64_t size,
                      std::span<const record> records);
void remove_pack(const engine& with, std::uint64_t number);

/// NOT_FOUND unless the bytes at that place are the blob's. `cached_only`: EAGAIN becomes UNAVAILABLE, and
/// nothing blocks.
expected<bytes> read_packed(const engine& with, const digest& blob, const pack_place& place);
std::optional<bytes> read_packed_cached(const engine& with, const digest& blob, const pack_place& place);

}  // namespace kiln::filesystem
