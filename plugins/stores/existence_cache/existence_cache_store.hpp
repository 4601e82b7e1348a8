#pragma once

#include "core/plugin/plugin.hpp"
#include "plugins/stores/existence_cache/existence_cache_options.hpp"

namespace kiln {

/// Holds content or results: of either it remembers that something is there, never what.
expected<store_actor> spawn_existence_cache_store(const existence_cache_options& options,
                                                  const store_context& context);

}  // namespace kiln
