#include "actors/services/byte_stream/download_table.hpp"

#include <algorithm>

namespace kiln {

void download_table::add(const std::shared_ptr<download>& started) {
  if (watched_.size() >= prune_at_) prune();
  watched_.push_back({started});
}

void download_table::tick(int stall_ticks) {
  prune();
  for (auto& entry : watched_) {
    auto what = entry.what.lock();
    if (!what) continue;
    auto progress = what->progress();
    entry.quiet = what->writing() && progress == entry.progress ? entry.quiet + 1 : 0;
    entry.progress = progress;
    if (entry.quiet >= stall_ticks)
      what->give_up({errc::deadline_exceeded, "the client took nothing for too long"});
  }
}

void download_table::prune() {
  std::erase_if(watched_, [](const watched& entry) { return entry.what.expired(); });
  prune_at_ = std::max<std::size_t>(64, 2 * watched_.size());
}

}  // namespace kiln
