#pragma once

#include "core/plugin/plugin.hpp"
#include "plugins/stores/fast_slow/fast_slow_options.hpp"

namespace kiln {

/// Of content and of results. INVALID_ARGUMENT where early_ack is wanted of results.
expected<store_actor> spawn_fast_slow_store(const fast_slow_options& options, const store_context& context);

}  // namespace kiln
