#pragma once

#include "plugins/stores/filesystem/shared/shared_folder.hpp"
#include "plugins/stores/filesystem/shared/use_times.hpp"
#include "plugins/stores/filesystem/store/engine.hpp"

namespace kiln::filesystem {

/// What the jobs of a store work with that shares its folder.
struct shared_engine : file_engine {
  std::shared_ptr<shared_folder> folder;  ///< the places
  std::shared_ptr<use_times> uses;
  std::uint64_t capacity = 0;

  const descriptor& tree_of(const digest& blob) const noexcept {
    return folder->tree(blob_tree::content, blob.function);
  }
  usage_file::recount recount() const {
    return [from = folder](unsigned part) { return from->count(part); };
  }
};

using shared_engine_ptr = std::shared_ptr<const shared_engine>;

/// What of the disk a file of so many bytes takes.
std::uint64_t shared_weight(std::uint64_t size) noexcept;

/// Whether the blob is there, by the name and length of its file: the disk is what everybody goes by. It
/// counts as a use, and whoever hears that it is there can rely on it: no eviction that was under way takes
/// it any more. For thread pool threads.
bool is_kept(const shared_engine& with, const digest& blob);

}  // namespace kiln::filesystem
