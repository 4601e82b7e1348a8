#include "actors/services/http_cache/size_index.hpp"

namespace kiln {

digest hash_alone(digest blob) noexcept {
  blob.size = 0;
  return blob;
}

std::optional<std::uint64_t> size_index::find(const digest& hash) {
  if (auto young = young_.find(hash); young != young_.end()) return static_cast<std::uint64_t>(young->second);
  auto old = old_.find(hash);
  if (old == old_.end()) return std::nullopt;
  const auto size = old->second;
  keep(hash, size);
  return static_cast<std::uint64_t>(size);
}

bool size_index::note(const digest& blob) {
  const auto hash = hash_alone(blob);
  if (auto known = find(hash); known && *known == static_cast<std::uint64_t>(blob.size)) return false;
  keep(hash, blob.size);
  return true;
}

void size_index::keep(const digest& hash, std::int64_t size) {
  if (young_.size() >= most_ / 2) {
    old_ = std::move(young_);
    young_.clear();
  }
  young_[hash] = size;
}

}  // namespace kiln
