#include "plugins/stores/filesystem/index/hot_blobs.hpp"

#include <utility>

namespace kiln::filesystem {
namespace {

// So many that were used are passed over before one of them goes.
constexpr int max_passed = 64;

}  // namespace

void hot_blobs::put(blob_entry& which, bytes content) {
  drop(which);
  while (weight_ + content.size() + overhead > memory_) drop_one();
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(places_.size()));
    places_.emplace_back();
  }
  which.hot = free_.back();
  free_.pop_back();
  weight_ += content.size() + overhead;
  places_[which.hot] = {std::move(content), which.self, false};
}

void hot_blobs::drop(blob_entry& which) {
  if (which.hot == 0) return;
  free_.push_back(which.hot);
  place& mine = places_[std::exchange(which.hot, 0)];
  weight_ -= mine.content.size() + overhead;
  mine = {};
}

const bytes& hot_blobs::read(const blob_entry& which) noexcept {
  place& mine = places_[which.hot];
  mine.used = which.hot != 0;
  return mine.content;
}

void hot_blobs::drop_one() {
  for (int passed = 0;;) {
    hand_ = hand_ + 1 < places_.size() ? hand_ + 1 : 1;
    place& here = places_[hand_];
    if (here.owner == 0) continue;
    if (std::exchange(here.used, false) && ++passed < max_passed) continue;
    return drop(entries_[here.owner]);
  }
}

}  // namespace kiln::filesystem
