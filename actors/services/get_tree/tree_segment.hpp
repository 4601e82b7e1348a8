#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/contract/kiln_message.hpp"
#include "core/digest/digest.hpp"

namespace kiln {

/// Directories that follow one another in the walk of a tree, at most one message full of them. Encoded as
/// they stand in GetTreeResponse.directories, so any part of a segment is a page, without a copy. Immutable
/// once made; any thread.
class tree_segment {
public:
  /// Where a segment begins: how many directories stand in front of it, and their trail.
  struct start {
    std::size_t position = 0;
    std::uint64_t trail = 0;
  };
  /// `ends[i]` is where the directory `names[i]` ends in `encoded`.
  tree_segment(start begin, std::vector<digest> names, std::vector<std::uint32_t> ends, bytes encoded)
      : begin_(begin), names_(std::move(names)), ends_(std::move(ends)), encoded_(std::move(encoded)) {}

  /// Positions in the tree: [begin, end).
  std::size_t begin() const noexcept { return begin_.position; }
  std::size_t end() const noexcept { return begin() + names_.size(); }
  const digest& name(std::size_t position) const noexcept { return names_[position - begin()]; }
  /// A number that all directories in front of the position make together, in their order: it tells whether
  /// two walks of a tree are the same up to there.
  std::uint64_t trail(std::size_t position) const noexcept;

  /// Without bytes it still tells which directories stand here, for a tenth of the memory.
  bool has_bytes() const noexcept { return !encoded_.empty(); }
  std::shared_ptr<const tree_segment> without_bytes() const {
    return std::make_shared<const tree_segment>(begin_, names_, std::vector<std::uint32_t>(), bytes());
  }
  /// The directories [from, to), encoded. Shares.
  bytes part(std::size_t from, std::size_t to) const;

  std::uint64_t size_in_bytes() const noexcept { return encoded_.size(); }
  /// What it takes in memory.
  std::uint64_t weight() const noexcept;

private:
  start begin_;
  std::vector<digest> names_;
  std::vector<std::uint32_t> ends_;
  bytes encoded_;
};

using tree_segment_ptr = std::shared_ptr<const tree_segment>;

}  // namespace kiln

KILN_MESSAGE(kiln::tree_segment_ptr)
