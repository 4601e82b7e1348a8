#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "actors/worker/folders/files.hpp"
#include "core/base/bytes.hpp"
#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/merkle/walked_tree.hpp"

namespace kiln {

/// What lies in the folder of a tree that is kept, by its path from there.
struct tree_entry {
  enum class kind : std::uint8_t { folder, file, symlink, hidden } what = kind::folder;
  file_mark mark;      ///< of a file; of a folder its mode alone
  std::string target;  ///< of a link

  bool operator==(const tree_entry&) const noexcept = default;
};

/// What is known of it (kiln.worker.v1.CachedTree).
struct tree_record {
  digest root;
  std::string base;                      ///< the name of the tree that it lies over
  std::vector<kiln::bytes> directories;  ///< where there is no base
  std::unordered_map<std::string, tree_entry> entries;
  wall_time made{};
  std::uint64_t bytes = 0;  ///< that it takes of the disk, its files counted in full and each once
};

bytes serialise(const tree_record& what);
/// INVALID_ARGUMENT for what is none, or one of another version.
expected<tree_record> read_tree_record(std::string_view content);

/// The tree as a walk would have found it. INVALID_ARGUMENT unless its directories are all of that root, and
/// whole.
expected<std::shared_ptr<const walked_tree>> walk_of(const tree_record& what);

}  // namespace kiln
