#include "plugins/stores/filesystem/index/blob_index.hpp"

namespace kiln::filesystem {

// Older packs leave before it: without it, the next start would take what they say for the truth.
void blob_index::note_unreadable(std::uint64_t pack) {
  unreadable_.insert(pack);
  find_end_of_doubt();
  if (!limits_.overwritten) return;
  for (auto& [number, held] : numbers_)
    if (number < end_of_doubt_) make_stale(*held);
}

void blob_index::note_read(std::uint64_t pack) {
  unreadable_.erase(pack);
  find_end_of_doubt();
}

void blob_index::find_end_of_doubt() noexcept {
  end_of_doubt_ = unreadable_.empty() || !limits_.overwritten ? 0 : *unreadable_.rbegin() + 1;
}

void blob_index::set_unread(slot& which, bool unread) {
  which.unread = unread;
  if (unread) set_verified(which, 0);
}

}  // namespace kiln::filesystem
