#include "actors/services/upload_table.hpp"

#include <algorithm>

#include "core/wire/status.hpp"

namespace kiln {

upload_table::~upload_table() {
  const auto why = try_again(errc::unavailable, "uploads are no longer taken here");
  for (auto& [_, entry] : watched_) entry.what->give_up(why);
}

std::shared_ptr<upload> upload_table::find(const std::string& name) const {
  auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

void upload_table::add(const std::string& name, const std::shared_ptr<upload>& fresh) {
  auto& place = by_name_[name];
  if (place) watched_.at(place.get()).named = false;
  place = fresh;
  watched_[fresh.get()] = {fresh};
  by_blob_.emplace(fresh->blob(), fresh);
  hold_bounds();
}

void upload_table::overtake(const std::shared_ptr<upload>& by) {
  auto [first, last] = by_blob_.equal_range(by->blob());
  for (auto entry = first; entry != last; ++entry)
    if (entry->second != by) entry->second->overtaken();
}

void upload_table::remove(const std::string& name, const std::shared_ptr<upload>& ended) {
  auto [first, last] = by_blob_.equal_range(ended->blob());
  auto mine = std::find_if(first, last, [&](const auto& entry) { return entry.second == ended; });
  if (mine != last) by_blob_.erase(mine);
  if (ended->attended())
    watched_.at(ended.get()).settled = true;
  else
    watched_.erase(ended.get());
  if (auto found = by_name_.find(name); found != by_name_.end() && found->second == ended)
    by_name_.erase(found);
}

void upload_table::tick() {
  std::erase_if(watched_,
                [](const auto& entry) { return entry.second.settled && !entry.second.what->attended(); });
  for (auto& [_, entry] : watched_) {
    auto progress = entry.what->progress();
    bool waits = entry.what->parked() || entry.what->hungry();
    bool still = waits && progress == entry.progress;
    entry.progress = progress;
    entry.quiet = still ? entry.quiet + 1 : 0;
    if (entry.what->parked() && entry.quiet >= limits_.parked_ticks)
      entry.what->give_up({errc::aborted, "the client of the upload did not come back in time"});
    else if (entry.what->hungry() && entry.quiet >= limits_.hungry_ticks)
      entry.what->give_up({errc::deadline_exceeded, "the client of the upload sent nothing for too long"});
  }
}

void upload_table::hold_bounds() {
  std::vector<watched*> parked;
  std::uint64_t total = 0;
  for (auto& [_, entry] : watched_) {
    if (!entry.what->parked()) {
      entry.parked = 0;
      continue;
    }
    if (entry.parked == 0) entry.parked = ++parkings_;
    if (!entry.named) {
      entry.what->give_up({errc::aborted, "the upload was begun anew"});
      continue;
    }
    parked.push_back(&entry);
    total += static_cast<std::uint64_t>(entry.what->received());
  }
  std::sort(parked.begin(), parked.end(),
            [](const watched* a, const watched* b) { return a->parked < b->parked; });
  std::size_t count = parked.size();
  for (const auto* entry : parked) {
    if (count <= limits_.max_parked && total <= limits_.max_parked_bytes) break;
    --count;
    total -= static_cast<std::uint64_t>(entry->what->received());
    entry->what->give_up({errc::resource_exhausted, "too many interrupted uploads are kept"});
  }
}

}  // namespace kiln
