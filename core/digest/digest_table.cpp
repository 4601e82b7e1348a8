#include "core/digest/digest_table.hpp"

#include <cassert>
#include <utility>

namespace kiln {
namespace {

constexpr std::size_t first_slots = 16;

std::uint32_t short_hash(const digest& one) noexcept {
  const std::uint64_t whole = std::hash<digest>()(one);
  return static_cast<std::uint32_t>(whole ^ whole >> 32);
}

}  // namespace

std::size_t digest_table::slot_of(const digest& one, std::uint32_t hash) const noexcept {
  const auto mask = slots_.size() - 1;
  auto at = hash & mask;
  while (slots_[at].at != vacant && (slots_[at].hash != hash || digests_[slots_[at].at] != one))
    at = (at + 1) & mask;
  return at;
}

digest_table::place digest_table::add(const digest& one) {
  if (4 * (digests_.size() + 1) > 3 * slots_.size()) grow();
  const auto hash = short_hash(one);
  auto& slot = slots_[slot_of(one, hash)];
  if (slot.at != vacant) return {slot.at, false};
  assert(digests_.size() < vacant);
  const auto at = static_cast<number>(digests_.size());
  digests_.push_back(one);
  slot = {hash, at};
  return {at, true};
}

std::optional<digest_table::number> digest_table::find(const digest& one) const noexcept {
  if (slots_.empty()) return std::nullopt;
  const auto& slot = slots_[slot_of(one, short_hash(one))];
  return slot.at == vacant ? std::nullopt : std::optional(slot.at);
}

void digest_table::grow() {
  std::vector<slot> larger(slots_.empty() ? first_slots : 2 * slots_.size());
  const auto mask = larger.size() - 1;
  for (const auto& taken : slots_) {
    if (taken.at == vacant) continue;
    auto at = taken.hash & mask;
    while (larger[at].at != vacant) at = (at + 1) & mask;
    larger[at] = taken;
  }
  slots_ = std::move(larger);
}

std::uint64_t digest_table::memory() const noexcept {
  return digests_.capacity() * sizeof(digest) + slots_.capacity() * sizeof(slot);
}

std::vector<digest> digest_table::take() {
  slots_ = {};
  return std::exchange(digests_, {});
}

}  // namespace kiln
