#pragma once

#include <cstddef>
#include <vector>

#include "actors/services/get_tree/tree_segment.hpp"
#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/digest/digest.hpp"
#include "core/merkle/merkle_walk.hpp"

namespace kiln {

/// A walk through a tree of Directories that leaves segments behind, in the order in which it reads. One
/// thread.
class tree_walk {
public:
  struct rules {
    std::size_t segment_size = 1 << 20;  ///< bytes at which a segment is full
    std::size_t max_directories = 1;     ///< RESOURCE_EXHAUSTED beyond
  };

  /// INVALID_ARGUMENT for a Directory that is larger than is taken. One that is larger than a message by
  /// default is sent alone, to clients that take such messages.
  static expected<void> check_size(const digest& directory);

  /// The root has been checked.
  tree_walk(const digest& root, rules bounds);

  /// What to read next: of one level, bounded in number and bytes; nothing when the walk is over.
  std::vector<digest> next_batch() { return walk_.next_batch().names; }
  /// The blobs of the last batch, without a store's failures: where there is an error the blob is absent. An
  /// absent one is skipped, unless it is the root: NOT_FOUND. INVALID_ARGUMENT for what is no Directory.
  expected<void> take(const std::vector<digest>& asked, const std::vector<expected<bytes>>& found);

  bool over() const noexcept { return walk_.over(); }
  /// Directories that `next_batch` has named: what stands in front of this position is read or being read.
  std::size_t asked() const noexcept { return walk_.asked(); }
  /// Directories that the walk has heard of.
  std::size_t known() const noexcept { return walk_.known(); }
  /// Segments that were filled since the last time, in order; when the walk is over, the rest as well.
  std::vector<tree_segment_ptr> filled();

private:
  void keep(const digest& name, const bytes& directory);
  void close();

  merkle_walk walk_;
  std::size_t segment_size_;
  std::size_t taken_ = 0;
  tree_segment::start begin_;  // of the segment that is being filled
  std::vector<digest> names_;
  std::vector<bytes> directories_;
  std::size_t size_ = 0;  // that these will take, encoded
  std::vector<tree_segment_ptr> filled_;
};

}  // namespace kiln
