#include "plugins/stores/size_partitioning/partition.hpp"

namespace kiln::size_partitioning {

// Each list keeps the order asked and names nothing twice, so one walk along what was asked merges them.
std::vector<digest> join_missing(std::span<const digest> asked, const both<std::vector<digest>>& missing) {
  std::vector<digest> all;
  both<std::size_t> next;
  for (const digest& blob : asked) {
    if (next.small < missing.small.size() && missing.small[next.small] == blob)
      all.push_back(missing.small[next.small++]);
    else if (next.large < missing.large.size() && missing.large[next.large] == blob)
      all.push_back(missing.large[next.large++]);
  }
  return all;
}

store_figures join_figures(const both<store_figures>& figures) {
  const auto& [small, large] = figures;
  const bool bounded = small.capacity > 0 && large.capacity > 0;
  return {small.blobs + large.blobs, small.bytes + large.bytes, bounded ? small.capacity + large.capacity : 0,
          small.evictions + large.evictions};
}

}  // namespace kiln::size_partitioning
