#include "actors/services/byte_stream/upload_table.hpp"

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

void upload_table::add(const std::string& name, std::uint64_t number, const std::shared_ptr<upload>& fresh,
                       const std::string& client) {
  auto [place, is_new] = by_name_.try_emplace(name, number);
  if (!is_new) {
    auto& before = watched_.at(std::exchange(place->second, number));
    before.named = false;
    if (before.what->parked()) give_up(before, {errc::aborted, "the upload was begun anew"});
  }
  auto size = static_cast<std::uint64_t>(fresh->blob().size);
  if (size > capacity_) size = 0;
  watched_[number] = {fresh, client, size};
  if (size > 0) sizes_[client] += size;
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
  auto same = std::find_if(first, last, [&](const auto& entry) { return entry.second == ended; });
  if (same != last) by_blob_.erase(same);
  if (auto found = by_name_.find(name); found != by_name_.end() && found->second == number)
    by_name_.erase(found);
  auto mine = watched_.find(number);
  count_out(mine->second);
  if (ended->attended())
    mine->second.settled = true;
  else
    watched_.erase(mine);
}

std::uint64_t upload_table::sizes_of(const std::string& client) const {
  auto found = sizes_.find(client);
  return found == sizes_.end() ? 0 : found->second;
}

void upload_table::set_offered(std::uint64_t number, bool offered) {
  if (auto found = watched_.find(number); found != watched_.end()) found->second.offered = offered;
}

void upload_table::count_out(watched& entry) {
  if (std::exchange(entry.given_up, true) || entry.size == 0) return;
  auto mine = sizes_.find(entry.client);
  mine->second -= entry.size;
  if (mine->second == 0) sizes_.erase(mine);
}

void upload_table::give_up(watched& entry, const error& why) {
  count_out(entry);
  entry.what->give_up(why);
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
      give_up(entry, {errc::aborted, "the client of the upload did not come back in time"});
    else if (entry.what->hungry() && entry.quiet >= limits_.hungry_ticks)
      give_up(entry, {errc::deadline_exceeded, "the client of the upload sent nothing for too long"});
  }
}

void upload_table::parked(std::uint64_t number) {
  auto found = watched_.find(number);
  if (found == watched_.end() || !found->second.what->parked()) return;
  auto& entry = found->second;
  if (!entry.named) return give_up(entry, {errc::aborted, "the upload was begun anew"});
  auto bytes = static_cast<std::uint64_t>(entry.what->received());
  const auto size = entry.size;
  parked_.emplace(++parkings_, parking{number, bytes, size});
  parked_bytes_ += bytes;
  parked_sizes_ += size;
  hold_bounds();
}

bool upload_table::still_parked(const parkings::value_type& entry) const {
  auto found = watched_.find(entry.second.number);
  return found != watched_.end() && !found->second.given_up && found->second.what->parked();
}

// An upload may have been parked again: the last time counts.
void upload_table::tidy_parked() {
  std::unordered_map<std::uint64_t, std::uint64_t> counted;
  for (auto entry = parked_.rbegin(); entry != parked_.rend(); ++entry)
    counted.try_emplace(entry->second.number, entry->first);
  std::erase_if(parked_, [&](const auto& entry) {
    if (counted.at(entry.second.number) == entry.first && still_parked(entry)) return false;
    forget(entry.second);
    return true;
  });
}

void upload_table::forget(const parking& which) noexcept {
  parked_bytes_ -= which.bytes;
  parked_sizes_ -= which.size;
}

// Of a table that is tidy.
upload_table::parkings::iterator upload_table::next_to_end(const std::string* client, bool only_offered) {
  auto best = parked_.end();
  std::uint64_t most = 0;
  for (auto one = parked_.begin(); one != parked_.end(); ++one) {
    const auto& entry = watched_.at(one->second.number);
    if ((client && entry.client != *client) || (only_offered && !entry.offered)) continue;
    const auto sizes = sizes_of(entry.client);
    if (best != parked_.end() && sizes <= most) continue;
    best = one;
    most = sizes;
  }
  return best;
}

void upload_table::end_parked(parkings::iterator which, const error& why) {
  auto& entry = watched_.at(which->second.number);
  forget(which->second);
  parked_.erase(which);
  give_up(entry, why);
}

std::vector<std::uint64_t> upload_table::give_back(std::uint64_t bytes, const std::string* client) {
  std::vector<std::uint64_t> ended;
  std::uint64_t came = 0;
  for (const auto& [number, entry] : watched_) {
    if (!entry.given_up || !entry.offered || entry.settled) continue;
    came += static_cast<std::uint64_t>(entry.what->blob().size);
    ended.push_back(number);
  }
  tidy_parked();
  while (came < bytes) {
    auto next = next_to_end(client, true);
    if (next == parked_.end()) break;
    const auto number = next->second.number;
    came += static_cast<std::uint64_t>(watched_.at(number).what->blob().size);
    end_parked(next, {errc::resource_exhausted, "the room was needed for uploads whose clients are there"});
    ended.push_back(number);
  }
  return ended;
}

void upload_table::hold_bounds() {
  auto too_many = [this] {
    return parked_.size() > limits_.max_parked || parked_bytes_ > limits_.max_parked_bytes ||
           parked_sizes_ > capacity_ / 2;
  };
  if (!too_many()) return;
  tidy_parked();
  while (too_many())
    end_parked(next_to_end(nullptr, false),
               {errc::resource_exhausted, "too many interrupted uploads are kept"});
}

}  // namespace kiln
