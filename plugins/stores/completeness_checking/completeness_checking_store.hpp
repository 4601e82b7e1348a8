#pragma once

#include "core/plugin/plugin.hpp"
#include "plugins/stores/completeness_checking/completeness_checking_options.hpp"

namespace kiln {

/// INVALID_ARGUMENT unless it holds results.
expected<store_actor> spawn_completeness_checking_store(const completeness_checking_options& options,
                                                        const store_context& context);

}  // namespace kiln
