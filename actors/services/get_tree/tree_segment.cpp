#include "actors/services/get_tree/tree_segment.hpp"

#include <cstring>

namespace kiln {

// The same in every process, unlike std::hash: a page token is made of it.
std::uint64_t tree_segment::trail(std::size_t position) const noexcept {
  constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;  // spreads every bit: 2^64 / the golden ratio
  auto trail = begin_.trail;
  for (std::size_t i = 0; i < position - begin(); ++i) {
    std::uint64_t start_of_hash = 0;
    std::memcpy(&start_of_hash, names_[i].hash.data(), sizeof(start_of_hash));
    trail = (trail ^ start_of_hash) * odd + 1;
  }
  return trail;
}

bytes tree_segment::part(std::size_t from, std::size_t to) const {
  std::size_t first = from == begin() ? 0 : ends_[from - begin() - 1];
  std::size_t last = to == begin() ? 0 : ends_[to - begin() - 1];
  return encoded_.slice(first, last - first);
}

std::uint64_t tree_segment::weight() const noexcept {
  return sizeof(tree_segment) + encoded_.size() + names_.size() * sizeof(digest) +
         ends_.size() * sizeof(std::uint32_t);
}

}  // namespace kiln
