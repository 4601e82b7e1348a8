#pragma once

#include <memory>
#include <utility>

#include "core/base/thread_pool.hpp"
#include "core/contract/store.hpp"
#include "core/plugin/environment.hpp"
#include "plugins/stores/filesystem/files/folder.hpp"
#include "plugins/stores/filesystem/store/filesystem_options.hpp"

namespace kiln::filesystem {

/// What reading and writing files needs of a store, whether it has its folder alone or shares it. Shared by
/// all of its jobs, so that a reader that outlives the actor still has a disk to read from. Any thread.
struct file_engine {
  std::shared_ptr<blob_places> places;
  std::shared_ptr<thread_pool> pool;  ///< stopped by the actor when it ends
  store_options options;
  store_role what = store_role::content;
  std::string name;
  environment env;

  disk& on() const noexcept { return places->on(); }
  bool durable() const noexcept { return options.keep == durability::durable; }
  bool verifies() const noexcept { return options.verify && what == store_role::content; }
};

using file_engine_ptr = std::shared_ptr<const file_engine>;

/// What the jobs of a store work with that has its folder alone.
struct engine : file_engine {
  std::shared_ptr<store_folder> folder;  ///< the places
  std::uint64_t packed_below = 0;        ///< content up to this size lies in packs; results always do

  bool packs(const digest& blob) const noexcept {
    return what == store_role::results || static_cast<std::uint64_t>(blob.size) <= packed_below;
  }
};

using engine_ptr = std::shared_ptr<const engine>;

}  // namespace kiln::filesystem
