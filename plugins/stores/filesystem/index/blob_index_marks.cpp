#include "plugins/stores/filesystem/index/blob_index.hpp"

namespace kiln::filesystem {

// How many blobs were looked at.
std::size_t blob_index::put_marks_of(const held_pack& which, use_marks& result) const {
  std::size_t seen = 0;
  result = {order_.now(), which.filled, which.turn, {}};
  for (entry_id one = which.blobs.front; one != 0; one = entries_[one].next, ++seen) {
    const slot& blob = entries_[one];
    const std::uint32_t used = blob.pinned ? order_.now() : blob.used;
    if (used > which.filled) result.marks.push_back({blob.offset, used});
  }
  return seen;
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

std::vector<std::pair<std::string, use_marks>> blob_index::take_changed_marks(mark_round& from,
                                                                              std::size_t blobs) {
  std::vector<std::pair<std::string, use_marks>> result;
  auto took = [&blobs](std::size_t some) { blobs -= std::min(blobs, some); };
  for (auto at = numbers_.lower_bound(from.pack); at != numbers_.end(); ++at) {
    if (blobs == 0) return result;
    held_pack& pack = *at->second;
    from.pack = at->first + 1;
    if (pack.leaving || !std::exchange(pack.changed, false)) continue;
    result.emplace_back(marks_of_pack(at->first), use_marks());
    took(put_marks_of(pack, result.back().second));
  }
  for (; from.part < changed_files_.size() && blobs > 0; ++from.part) {
    if (!changed_files_[from.part]) continue;
    changed_files_[from.part] = false;
    result.emplace_back(kiln::filesystem::marks_of_files(from.part), marks_of_files(from.part));
    took(entry_slab::part);
  }
  return result;
}

}  // namespace kiln::filesystem
