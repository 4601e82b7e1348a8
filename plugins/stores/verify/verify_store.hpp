#pragma once

#include "core/plugin/plugin.hpp"
#include "plugins/stores/verify/verify_options.hpp"

namespace kiln {

/// INVALID_ARGUMENT over a store of results, whose bytes have nothing to match.
expected<store_actor> spawn_verify_store(const verify_options& options, const store_context& context);

}  // namespace kiln
