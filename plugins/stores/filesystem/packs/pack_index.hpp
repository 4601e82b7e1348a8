#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/stores/filesystem/packs/pack_format.hpp"

namespace kiln::filesystem {

/// What stands beside a pack as its index: a head, and a row for each record, all of one size and in the
/// order of their hashes, so that one can be found without reading the others.
struct index_head {
  std::uint64_t number = 0;   ///< of the pack
  std::uint64_t covered = 0;  ///< bytes of the pack that the rows tell of; what lies behind was never kept
  std::uint64_t rows = 0;
  std::uint64_t hash_size = 0;  ///< bytes of hash in each row

  std::uint64_t row_size() const noexcept { return 40 + hash_size; }
  std::uint64_t place_of(std::uint64_t row) const noexcept { return 40 + row * row_size(); }
};
inline constexpr std::size_t index_head_size = 40;

/// Bytes that an index has at most, of whatever format: a row of it is not twice as long as the header that
/// it stands for.
constexpr std::uint64_t largest_index_of(std::uint64_t pack_size) noexcept {
  return 2 * std::min(pack_size, largest_pack) + 64;
}

/// By what rows are sorted: the first eight bytes of the hash.
std::uint64_t index_order(const digest& blob) noexcept;
void sort_for_index(std::vector<record>& records);

std::string encode_index(std::uint64_t number, std::uint64_t covered, std::vector<record> records);
/// Nothing unless all of it is whole, and of a pack with this number and at least the size covered. What the
/// rows say is looked at by who reads them.
std::optional<index_head> check_index(std::string_view text, std::uint64_t number, std::uint64_t pack_size);
/// Nothing if it is no row.
std::optional<record> decode_row(std::string_view row, const index_head& head) noexcept;

/// The index of the format before this one: headers of 80 bytes with their places. Nothing unless it is
/// whole, of a pack of this size, and of all of it: at a record of which the header has less than the whole
/// name, the release that wrote it took the pack to end. Nor where it has less than the whole name of a
/// record itself.
std::optional<std::vector<record>> decode_old_index(std::string_view text, std::uint64_t pack_size);

}  // namespace kiln::filesystem
