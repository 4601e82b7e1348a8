#pragma once

#include "core/plugin/plugin.hpp"
#include "plugins/stores/shard/shard_options.hpp"

namespace kiln {

/// Holds content or results.
expected<store_actor> spawn_shard_store(const shard_options& options, const store_context& context);

}  // namespace kiln
