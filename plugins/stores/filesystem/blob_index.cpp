#include "plugins/stores/filesystem/blob_index.hpp"

#include <algorithm>
#include <boost/intrusive/parent_from_member.hpp>
#include <cassert>

namespace kiln::filesystem {

std::uint64_t blob_index::weight_of(std::uint64_t size) noexcept {
  std::uint64_t blocks = size / block + (size % block != 0 || size == 0 ? 1 : 0);
  return blocks * block;
}

blob_index::slot* blob_index::find(const digest& blob) {
  auto found = slots_.find(blob);
  return found == slots_.end() ? nullptr : &*found;
}

void blob_index::use(slot& which) {
  blob_entry& entry = which.second;
  if (entry.in_hot_line.is_linked()) {
    entry.in_hot_line.unlink();
    hot_.push_back(entry);
  }
  if (entry.pins > 0) return;
  entry.in_line.unlink();
  used_.push_back(entry);
}

blob_index::slot& blob_index::add(const digest& blob, std::uint64_t size) {
  auto [at, is_new] = slots_.try_emplace(blob);
  assert(is_new);
  (void)is_new;
  blob_entry& entry = at->second;
  entry.size = size;
  entry.weight = weight_of(size);
  entry.serial = ++serials_;
  weight_ += entry.weight;
  return *at;
}

blob_index::slot& blob_index::insert(const digest& blob, std::uint64_t size) {
  slot& which = add(blob, size);
  used_.push_back(which.second);
  return which;
}

blob_index::slot& blob_index::insert_old(const digest& blob, std::uint64_t size, std::uint64_t hours_ago) {
  slot& which = add(blob, size);
  std::size_t age = age_of(hours_ago);
  unused_[age].push_back(which.second);
  oldest_ = std::max(oldest_, age);
  return which;
}

void blob_index::erase(slot& which) {
  blob_entry& entry = which.second;
  cool(entry);
  weight_ -= entry.weight;
  if (entry.pins > 0) pinned_weight_ -= entry.weight;
  slots_.erase(slots_.find(which.first));
}

blob_index::slot& blob_index::resize(slot& which, std::uint64_t size) {
  blob_entry& entry = which.second;
  cool(entry);
  std::uint64_t before = entry.weight;
  entry.size = size;
  entry.weight = weight_of(size);
  weight_ += entry.weight - before;
  if (entry.pins > 0) pinned_weight_ += entry.weight - before;
  return which;
}

void blob_index::warm(slot& which, bytes content) {
  blob_entry& entry = which.second;
  if (content.size() > largest_hot()) return;
  cool(entry);
  hot_weight_ += content.size();
  entry.hot = std::move(content);
  hot_.push_back(entry);
  while (hot_weight_ > limits_.hot_memory) cool(hot_.front());
}

void blob_index::cool(blob_entry& entry) {
  if (!entry.in_hot_line.is_linked()) return;
  entry.in_hot_line.unlink();
  hot_weight_ -= entry.hot.size();
  entry.hot = {};
}

std::uint64_t blob_index::pin(slot& which) {
  blob_entry& entry = which.second;
  if (entry.pins++ == 0) {
    entry.in_line.unlink();
    pinned_weight_ += entry.weight;
  }
  return entry.serial;
}

void blob_index::unpin(const digest& blob, std::uint64_t serial) {
  slot* which = find(blob);
  if (!which || which->second.serial != serial) return;
  assert(which->second.pins > 0);
  if (--which->second.pins > 0) return;
  pinned_weight_ -= which->second.weight;
  used_.push_back(which->second);
}

bool blob_index::reserve(std::uint64_t weight, std::vector<digest>& evicted) {
  // All that is neither pinned nor being written may leave, if need be.
  std::uint64_t kept = pinned_weight_ + reserved_;
  if (kept > limits_.capacity || weight > limits_.capacity - kept) return false;
  if (std::uint64_t wanted = weight_ + reserved_ + weight; wanted > limits_.capacity)
    shed(wanted - limits_.capacity, evicted);
  reserved_ += weight;
  return true;
}

void blob_index::shed(std::uint64_t weight, std::vector<digest>& evicted) {
  std::uint64_t before = weight_;
  while (before - weight_ < weight) {
    slot* victim = next_victim();
    if (!victim) return;
    evicted.push_back(victim->first);
    erase(*victim);
  }
}

blob_index::slot* blob_index::next_victim() noexcept {
  while (unused_[oldest_].empty() && oldest_ > 0) --oldest_;
  line& from = unused_[oldest_].empty() ? used_ : unused_[oldest_];
  return from.empty() ? nullptr : &slot_of(from.front());
}

blob_index::slot& blob_index::slot_of(blob_entry& entry) noexcept {
  return *intrusive::get_parent_from_member(&entry, &slot::second);
}

// To the hour for the first days, to the day for most of a year.
std::size_t blob_index::age_of(std::uint64_t hours_ago) noexcept {
  constexpr std::uint64_t hourly = 128;
  if (hours_ago < hourly) return static_cast<std::size_t>(hours_ago);
  return static_cast<std::size_t>(std::min<std::uint64_t>(255, hourly + (hours_ago - hourly) / 48));
}

}  // namespace kiln::filesystem
