#pragma once

#include "plugins/stores/filesystem/store/spawn.hpp"

namespace kiln::filesystem {

/// A store in a folder that other processes of this machine serve, too.
expected<store_actor> spawn_shared_store(const store_options& options, const store_context& context,
                                         store_environment on);

}  // namespace kiln::filesystem
