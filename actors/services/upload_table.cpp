#include "actors/services/upload_table.hpp"

#include <algorithm>
#include <utility>

#include "core/wire/status.hpp"

namespace kiln {

upload_table::~upload_table() {
  const auto why = try_again(errc::unavailable, "uploads are no longer taken here");
  for (auto& [_, entry] : watched_) entry.what->give_up(why);
}

std::shared_ptr<upload> upload_table::find(const std::string& name) const {
  auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : watched_.at(found->second).what;
}

void upload_table::add(const std::string& name, std::uint64_t number, const std::shared_ptr<upload>& fresh) {
  auto [place, is_new] = by_name_.try_emplace(name, number);
  if (!is_new) {
    auto& before = watched_.at(std::exchange(place->second, number));
    before.named = false;
    if (before.what->parked()) before.what->give_up({errc::aborted, "the upload was begun anew"});
  }
  watched_[number] = {fresh};
  by_blob_.emplace(fresh->blob(), fresh);
}

void upload_table::overtake(const std::shared_ptr<upload>& by) {
  auto [first, last] = by_blob_.equal_range(by->blob());
  for (auto entry = first; entry != last; ++entry)
    if (entry->second != by) entry->second->overtaken();
}

void upload_table::remove(const std::string& name, std::uint64_t number,
                          const std::shared_ptr<upload>& ended) {
  auto [first, last] = by_blob_.equal_range(ended->blob());
  auto mine = std::find_if(first, last, [&](const auto& entry) { return entry.second == ended; });
  if (mine != last) by_blob_.erase(mine);
  if (auto found = by_name_.find(name); found != by_name_.end() && found->second == number)
    by_name_.erase(found);
  if (ended->attended())
    watched_.at(number).settled = true;
  else
    watched_.erase(number);
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

void upload_table::parked(std::uint64_t number) {
  auto found = watched_.find(number);
  if (found == watched_.end() || !found->second.what->parked()) return;
  auto& entry = found->second;
  if (!entry.named) return entry.what->give_up({errc::aborted, "the upload was begun anew"});
  auto bytes = static_cast<std::uint64_t>(entry.what->received());
  parked_.emplace(++parkings_, parking{number, bytes});
  parked_bytes_ += bytes;
  hold_bounds();
}

bool upload_table::still_parked(const parkings::value_type& entry) const {
  auto found = watched_.find(entry.second.number);
  return found != watched_.end() && found->second.what->parked();
}

void upload_table::hold_bounds() {
  auto too_many = [this] {
    return parked_.size() > limits_.max_parked || parked_bytes_ > limits_.max_parked_bytes;
  };
  if (!too_many()) return;
  std::map<std::uint64_t, std::uint64_t>
      counted;  // an upload may have been parked again: the last time counts
  for (auto entry = parked_.rbegin(); entry != parked_.rend(); ++entry)
    counted.try_emplace(entry->second.number, entry->first);
  std::erase_if(parked_, [&](const auto& entry) {
    if (counted.at(entry.second.number) == entry.first && still_parked(entry)) return false;
    parked_bytes_ -= entry.second.bytes;
    return true;
  });
  while (too_many()) {
    auto oldest = parked_.begin()->second;
    parked_bytes_ -= oldest.bytes;
    parked_.erase(parked_.begin());
    watched_.at(oldest.number)
        .what->give_up({errc::resource_exhausted, "too many interrupted uploads are kept"});
  }
}

}  // namespace kiln
