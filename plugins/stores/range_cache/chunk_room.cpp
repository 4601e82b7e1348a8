#include "plugins/stores/range_cache/chunk_room.hpp"

#include <utility>

namespace kiln::range_cache {

bool chunk_room::take(std::uint64_t size) {
  const std::uint64_t in_use = taken_ - idle_bytes_;
  if (in_use + size > limit_) return false;
  while (taken_ + size > limit_) {
    idle_chunk oldest = std::move(idle_.front());
    withdraw(idle_.begin());
    give_back(oldest.size);
    oldest.drop();
  }
  taken_ += size;
  return true;
}

chunk_room::place chunk_room::add_idle(idle_chunk chunk) {
  idle_bytes_ += chunk.size;
  return idle_.insert(idle_.end(), std::move(chunk));
}

void chunk_room::withdraw(place chunk) {
  idle_bytes_ -= chunk->size;
  idle_.erase(chunk);
}

}  // namespace kiln::range_cache
