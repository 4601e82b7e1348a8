#include "plugins/stores/filesystem/blob_index.hpp"

namespace kiln::filesystem {

use_marks blob_index::marks_of(const held_pack& which) const {
  use_marks result{order_.now(), which.filled, which.turn, {}};
  for (entry_id one = which.blobs.front; one != 0; one = entries_[one].next) {
    const slot& blob = entries_[one];
    const std::uint32_t used = blob.pinned ? order_.now() : blob.used;
    if (used > which.filled) result.marks.push_back({blob.offset, used});
  }
  result.sort();
  return result;
}

use_marks blob_index::marks_of_files(std::size_t part) const {
  use_marks result;
  result.now = order_.now();
  entries_.each_of(part, [&](const slot& blob) {
    if (blob.packed()) return;
    result.marks.push_back({mark_key(name_of(blob)), blob.pinned ? order_.now() : blob.used});
  });
  return result;
}

std::vector<std::pair<std::string, use_marks>> blob_index::take_changed_marks(std::size_t most,
                                                                              bool with_files) {
  std::vector<std::pair<std::string, use_marks>> result;
  for (auto& [number, pack] : numbers_) {
    if (result.size() == most) return result;
    if (pack->leaving || !std::exchange(pack->changed, false)) continue;
    result.emplace_back(marks_of_pack(number), marks_of(*pack));
  }
  for (std::size_t part = 0; with_files && part < changed_files_.size() && result.size() < most; ++part) {
    if (!changed_files_[part]) continue;
    changed_files_[part] = false;
    result.emplace_back(kiln::filesystem::marks_of_files(part), marks_of_files(part));
  }
  return result;
}

}  // namespace kiln::filesystem
