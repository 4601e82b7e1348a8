#pragma once

#include <functional>
#include <vector>

#include "actors/services/get_tree/tree_coalescer.hpp"
#include "core/cache/evicting_cache.hpp"

namespace kiln {

/// Reads Directories, a batch at a time, and remembers them: the subtree cache. What is remembered is asked
/// for in the store all the same, which is cheaper than reading it, keeps it alive there, and tells whether
/// it still is. Part of the coalescer's actor.
class directory_reader {
public:
  /// In the order asked; NOT_FOUND for those that the store does not have.
  using arrival = std::function<void(expected<std::vector<expected<bytes>>>)>;

  directory_reader(tree_coalescer_actor::pointer self, store_actor from, const tree_cache_bounds& bounds,
                   std::uint64_t max_bytes, const clock& time);

  /// `then` is called once; before this returns if the store need not be asked.
  void read(std::vector<digest> names, arrival then);
  void forget(const std::vector<digest>& names);
  /// Drops what was idle for too long, so many at most. Returns how many.
  std::size_t expire(std::size_t most) { return known_.expire(most); }
  std::size_t size() const noexcept { return known_.size(); }
  /// Bytes that are remembered.
  std::uint64_t weight() const noexcept { return known_.weight(); }

private:
  struct batch;
  void ask_whether_there(const std::shared_ptr<batch>& which, std::vector<digest> remembered);
  void read_unknown(const std::shared_ptr<batch>& which, std::vector<std::size_t> places);

  tree_coalescer_actor::pointer self_;
  store_actor from_;
  evicting_cache<digest, bytes> known_;
};

}  // namespace kiln
