#include "core/completeness/completeness_index.hpp"

#include <algorithm>

namespace kiln {

const completeness_index::entry* completeness_index::find(const digest& key, digest_function function) {
  auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  entry& one = found->second;
  if (!one.complete_ || one.function_ != function) return nullptr;
  order_.splice(order_.end(), order_, order_.iterator_to(one));
  return &one;
}

std::vector<digest> completeness_index::blobs_of(const entry& one) const {
  std::vector<digest> all;
  all.reserve(one.count_);
  for (const auto& part : one.needs_)
    for (const auto& need : part) all.push_back(need.of->first);
  return all;
}

bool completeness_index::is_due(const entry& one) const {
  if (slack_ && stored_ - one.touched_when_stored_ >= *slack_) return true;
  return time_.now() - one.touched_at_ >= limits_.touch_every;
}

void completeness_index::note_touched(const entry& one) {
  auto& mine = const_cast<entry&>(one);
  mine.touched_at_ = time_.now();
  mine.touched_when_stored_ = stored_;
}

completeness_index::ticket completeness_index::begin(const digest& key, digest_function function) {
  if (limits_.max_bytes == 0) return 0;
  auto [place, fresh] = entries_.try_emplace(key);
  entry& one = place->second;
  if (!fresh) {
    if (one.function_ == function || !one.complete_) return 0;
    erase(one);  // the same record, read with other eyes
    return begin(key, function);
  }
  one.key_ = key;
  one.function_ = function;
  one.id_ = ++last_ticket_;
  order_.push_back(one);
  tickets_.emplace(one.id_, &one);
  charge(one, result_size);
  return make_room(one) ? last_ticket_ : 0;
}

bool completeness_index::name(ticket of, std::span<const digest> blobs) {
  auto found = tickets_.find(of);
  if (found == tickets_.end()) return false;
  entry& one = *found->second;
  // What the walk is about to be told is as of now, at the earliest.
  if (one.needs_.empty()) note_touched(one);
  if (one.bytes_ + (one.count_ + blobs.size()) * (need_size + blob_size) >
      limits_.max_bytes / largest_share) {
    erase(one);
    return false;
  }
  auto& part = one.needs_.emplace_back();
  part.reserve(blobs.size());
  charge(one, blobs.size() * need_size);
  for (const auto& name : blobs) add_need(one, name, part);
  return make_room(one);
}

void completeness_index::add_need(entry& by, const digest& name, std::vector<need>& to) {
  auto [place, fresh] = blobs_.try_emplace(name);
  if (fresh) used_ += blob_size;  // nobody's own: it goes with the last that names it
  blob& what = place->second;
  // What an entry names twice at a time has its need in front; twice in two times does no harm.
  if (what.first != nullptr && what.first->by == &by) return;
  need& one = to.emplace_back(need{&by, &*place, what.first, nullptr});
  if (what.first != nullptr) what.first->before = &one;
  what.first = &one;
  ++by.count_;
}

void completeness_index::charge(entry& to, std::uint64_t bytes) noexcept {
  to.bytes_ += bytes;
  used_ += bytes;
}

bool completeness_index::finish(ticket of, const bytes& record, std::size_t header) {
  auto found = tickets_.find(of);
  if (found == tickets_.end()) return false;
  entry& one = *found->second;
  if (one.bytes_ + record.size() > limits_.max_bytes / largest_share) {
    erase(one);
    return false;
  }
  // A piece of something larger would keep that.
  one.record_ = bytes::copy_of(record.view());
  one.result_ = one.record_.slice(std::min(header, record.size()));
  one.complete_ = true;
  if (one.needs_.empty()) note_touched(one);
  charge(one, record.size());
  tickets_.erase(found);
  return make_room(one);
}

void completeness_index::give_up(ticket of) {
  if (auto found = tickets_.find(of); found != tickets_.end()) erase(*found->second);
}

bool completeness_index::drop_result(const digest& key) {
  auto found = entries_.find(key);
  if (found == entries_.end()) return false;
  erase(found->second);
  return true;
}

std::size_t completeness_index::drop_blob(const digest& name) {
  std::size_t gone = 0;
  for (auto found = blobs_.find(name); found != blobs_.end(); found = blobs_.find(name), ++gone)
    leave(*found->second.first->by);
  return gone;
}

void completeness_index::drop_all() {
  while (!order_.empty()) leave(order_.front());
}

void completeness_index::unlink(need& one) {
  if (one.next != nullptr) one.next->before = one.before;
  if (one.before != nullptr) {
    one.before->next = one.next;
    return;
  }
  one.of->second.first = one.next;
  if (one.next != nullptr) return;
  blobs_.erase(one.of->first);
  used_ -= blob_size;
}

void completeness_index::erase(entry& one) {
  for (auto& part : one.needs_)
    for (auto& need : part) unlink(need);
  used_ -= one.bytes_;
  order_.erase(order_.iterator_to(one));
  if (!one.complete_) tickets_.erase(one.id_);
  entries_.erase(entries_.find(one.key_));
}

void completeness_index::leave(entry& one) {
  const auto key = one.key_;
  const bool was_known = one.complete_;
  erase(one);
  if (was_known && left_) left_(key);
}

// False if it had to leave itself: what is left then is at work, and finishes or gives up.
bool completeness_index::make_room(entry& sparing) {
  for (auto next = order_.begin(); used_ > limits_.max_bytes && next != order_.end();) {
    entry& one = *next++;
    if (&one != &sparing && one.complete_) leave(one);
  }
  if (used_ <= limits_.max_bytes) return true;
  leave(sparing);
  return false;
}

std::vector<completeness_index::name_of_result> completeness_index::used_last(std::size_t most) const {
  std::vector<name_of_result> all;
  for (auto one = order_.rbegin(); one != order_.rend() && all.size() < most; ++one)
    if (one->complete_) all.push_back({one->key_, one->function_});
  return all;
}

}  // namespace kiln
