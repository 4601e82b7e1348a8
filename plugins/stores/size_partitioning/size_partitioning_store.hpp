#pragma once

#include "core/plugin/plugin.hpp"
#include "plugins/stores/size_partitioning/size_partitioning_options.hpp"

namespace kiln {

/// INVALID_ARGUMENT over a store of results, whose digests say nothing about their size.
expected<store_actor> spawn_size_partitioning_store(const size_partitioning_options& options,
                                                    const store_context& context);

}  // namespace kiln
