#include "plugins/stores/memory/memory_table.hpp"

#include <utility>

namespace kiln::memory {

const byte_chain* memory_table::find(const digest& blob) {
  auto found = entries_.find(blob);
  if (found == entries_.end()) return nullptr;
  if (!pins_.contains(blob)) idle_.splice(idle_.end(), idle_, found->second.place);
  return &found->second.content;
}

expected<void> memory_table::insert(const digest& blob, byte_chain content, std::vector<digest>& evicted) {
  const std::uint64_t weight = weight_of(content);
  const bool pinned = pins_.contains(blob);
  auto present = entries_.find(blob);
  const std::uint64_t pinned_before =
      pinned && present != entries_.end() ? weight_of(present->second.content) : 0;
  if (weight > capacity_ || pinned_weight_ - pinned_before > capacity_ - weight)
    return fail(errc::resource_exhausted, "no room for {} bytes: {} of {} are leased", content.size(),
                pinned_weight_, capacity_);
  if (present != entries_.end()) drop(blob);
  while (used_ > capacity_ - weight) {
    digest victim = idle_.front();
    drop(victim);
    ++evictions_;
    evicted.push_back(victim);
  }
  order& list = pinned ? pinned_ : idle_;
  entries_.emplace(blob, entry{std::move(content), list.insert(list.end(), blob)});
  used_ += weight;
  if (pinned) pinned_weight_ += weight;
  return {};
}

bool memory_table::erase(const digest& blob) {
  if (!entries_.contains(blob)) return false;
  drop(blob);
  return true;
}

void memory_table::pin(const digest& blob) {
  if (++pins_[blob] > 1) return;
  auto found = entries_.find(blob);
  if (found == entries_.end()) return;
  pinned_.splice(pinned_.end(), idle_, found->second.place);
  pinned_weight_ += weight_of(found->second.content);
}

void memory_table::unpin(const digest& blob) {
  auto pins = pins_.find(blob);
  if (pins == pins_.end() || --pins->second > 0) return;
  pins_.erase(pins);
  auto found = entries_.find(blob);
  if (found == entries_.end()) return;
  idle_.splice(idle_.end(), pinned_, found->second.place);
  pinned_weight_ -= weight_of(found->second.content);
}

void memory_table::drop(const digest& blob) {
  auto found = entries_.find(blob);
  const std::uint64_t weight = weight_of(found->second.content);
  if (pins_.contains(blob)) {
    pinned_.erase(found->second.place);
    pinned_weight_ -= weight;
  } else {
    idle_.erase(found->second.place);
  }
  used_ -= weight;
  entries_.erase(found);
}

}  // namespace kiln::memory
