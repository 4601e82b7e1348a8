#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/digest/digest.hpp"

namespace kiln {

/// All that an input tree refers to. Immutable once a walk has made it: digests name content, so it stays
/// true for ever; only whether the blobs are there has to be asked again.
struct input_inventory {
  std::vector<digest> directories;  ///< each once, without the empty one
  std::vector<digest> files;        ///< each once, without the empty one
  /// Which directories a directory holds.
  std::unordered_map<digest, std::vector<std::pair<std::string, digest>>> children;

  bool has_directory(const digest& root, std::string_view path) const;
  /// Digests that it holds on to, for whoever bounds a cache of these.
  std::size_t weight() const noexcept { return weight_; }

private:
  friend class input_walk;
  std::size_t weight_ = 1;
};

/// Walks an input tree level by level, each directory once however often it occurs, so that a small tree that
/// unfolds into a huge one costs only what it is. It says what to read; somebody else reads.
class input_walk {
public:
  struct limits {
    std::size_t max_entries = 1'000'000;   ///< directories and files, told apart by digest
    std::size_t batch_directories = 1000;  ///< in one read
    std::int64_t batch_bytes = 8 << 20;    ///< in one read, unless one directory is larger
  };

  explicit input_walk(const digest& root) : input_walk(root, limits{}) {}
  input_walk(const digest& root, limits bounds);

  /// What to read next; empty when the tree has been walked.
  expected<std::vector<digest>> next();
  /// A directory that was read. NOT_FOUND makes it a missing one; another error ends the walk.
  /// INVALID_ARGUMENT: it is no Directory in canonical form, or the tree is too large.
  expected<void> take(const digest& which, const expected<bytes>& content);

  /// Bytes of memory that it takes, about.
  std::uint64_t memory() const noexcept;
  const std::vector<digest>& missing() const noexcept { return missing_; }
  /// Call once, at the end.
  std::shared_ptr<const input_inventory> finish();

private:
  void add_directory(const digest& which);

  limits limits_;
  std::vector<digest> open_;  ///< known and not asked for yet
  std::unordered_set<digest> seen_directories_;
  std::unordered_set<digest> seen_files_;
  std::size_t edges_ = 0;  ///< names of directories in directories
  std::vector<digest> missing_;
  std::shared_ptr<input_inventory> inventory_ = std::make_shared<input_inventory>();
};

}  // namespace kiln
