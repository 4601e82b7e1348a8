#pragma once

#include "core/plugin/plugin.hpp"
#include "plugins/stores/mirror/mirror_options.hpp"

namespace kiln {

/// Holds content, or results if both stores are written: INVALID_ARGUMENT where one is enough, for a store
/// that missed a result would answer with an older one.
expected<store_actor> spawn_mirror_store(const mirror_options& options, const store_context& context);

}  // namespace kiln
