#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "plugins/stores/filesystem/packs/pack_format.hpp"
#include "plugins/stores/filesystem/store/engine.hpp"

namespace kiln::filesystem {

/// Whether these are the bytes of that record: content by its digest, a result by its check.
bool proves(const engine& with, const record& what, std::string_view payload);

/// What was found by reading a pack from its beginning to its end. Of what is damaged nothing is lost but the
/// records that are hurt themselves: behind it the next one is looked for that proves itself.
struct walked_pack {
  std::vector<record> records;
  std::uint64_t end = 0;    ///< of the last record
  std::uint64_t holes = 0;  ///< places before it that are no records
  bool odd_end = false;     ///< behind it there are bytes: a write that was cut short, or a damaged record
  /// The disk could not read some of it, which may pass: what was found is not the last word.
  bool unreadable = false;
};
/// For threads that may block.
walked_pack walk_pack(const engine& with, const descriptor& file, std::uint64_t number, std::uint64_t size);

}  // namespace kiln::filesystem
