#include "plugins/stores/redis/told_blobs.hpp"

#include <utility>

namespace kiln::redis_store {

std::vector<digest> told_blobs::note(const digest& blob) {
  if (!young_.insert(blob).second) return {};
  old_.erase(blob);
  if (young_.size() < half_) return {};
  auto gone = std::exchange(old_, std::exchange(young_, {}));
  return {gone.begin(), gone.end()};
}

void told_blobs::drop(const digest& blob) {
  young_.erase(blob);
  old_.erase(blob);
}

std::vector<digest> told_blobs::give_up() {
  std::vector<digest> all(young_.begin(), young_.end());
  all.insert(all.end(), old_.begin(), old_.end());
  young_.clear();
  old_.clear();
  return all;
}

}  // namespace kiln::redis_store
