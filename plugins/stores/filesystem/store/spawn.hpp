#pragma once

#include <memory>

#include "core/base/disk.hpp"
#include "core/base/thread_pool.hpp"
#include "core/plugin/plugin.hpp"
#include "plugins/stores/filesystem/store/filesystem_options.hpp"

namespace kiln::filesystem {

class lock_watcher;

/// What a store stands on, given from outside.
struct store_environment {
  disk* on = nullptr;
  std::shared_ptr<thread_pool> pool;
  std::string boot_id;
  lock_watcher* watcher = nullptr;  ///< of the locks of a shared folder
};

/// An error is one sentence that says which folder, and what to do.
expected<store_actor> spawn_filesystem_store(const store_options& options, const store_context& context);
expected<store_actor> spawn_filesystem_store(const store_options& options, const store_context& context,
                                             store_environment on);

}  // namespace kiln::filesystem
