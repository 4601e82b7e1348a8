#pragma once

#include "core/plugin/plugin.hpp"
#include "plugins/stores/range_cache/range_cache_options.hpp"

namespace kiln {

expected<store_actor> spawn_range_cache_store(const range_cache_options& options,
                                              const store_context& context);

}  // namespace kiln
