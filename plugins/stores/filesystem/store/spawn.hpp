#pragma once

#include <memory>

#include "core/base/crew.hpp"
#include "core/base/disk.hpp"
#include "core/plugin/plugin.hpp"
#include "plugins/stores/filesystem/store/filesystem_options.hpp"

namespace kiln::filesystem {

/// What a store stands on, given from outside.
struct ground {
  disk* on = nullptr;
  std::shared_ptr<crew> hands;
  std::string boot_id;
};

/// An error is one sentence that says which folder, and what to do.
expected<store_actor> spawn_filesystem_store(const options& wishes, const store_context& context);
expected<store_actor> spawn_filesystem_store(const options& wishes, const store_context& context, ground on);

}  // namespace kiln::filesystem
