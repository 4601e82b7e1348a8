#pragma once

#include <cstdint>
#include <functional>
#include <list>

namespace kiln::range_cache {

/// The memory for chunks of all objects. What is idle makes room for others, what was used longest ago first;
/// what is being filled does not. Confined to whoever owns the objects.
class chunk_room {
public:
  struct idle_chunk {
    std::uint64_t size = 0;
    std::function<void()> drop;  ///< has it go; its room is free already
  };
  using place = std::list<idle_chunk>::iterator;

  explicit chunk_room(std::uint64_t limit) noexcept : limit_(limit) {}

  /// Room for a chunk, at the cost of idle ones. False, and nothing was dropped, if those that are being
  /// filled leave too little.
  bool take(std::uint64_t size);
  void give_back(std::uint64_t size) noexcept { taken_ -= size; }

  /// A chunk that has room is idle from now on, until it is withdrawn or was dropped.
  place add_idle(idle_chunk chunk);
  void withdraw(place chunk);
  void note_use(place chunk) { idle_.splice(idle_.end(), idle_, chunk); }

  std::uint64_t taken() const noexcept { return taken_; }

private:
  const std::uint64_t limit_;
  std::uint64_t taken_ = 0;
  std::uint64_t idle_bytes_ = 0;  // of those taken
  std::list<idle_chunk> idle_;    // in the order of their last use
};

}  // namespace kiln::range_cache
