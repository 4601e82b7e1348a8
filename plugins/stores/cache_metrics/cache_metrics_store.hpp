#pragma once

#include <string>

#include "core/plugin/plugin.hpp"

namespace kiln {

struct cache_metrics_options {
  store_ref inner;
  std::string cache;  ///< empty: the store's own name
};

schema<cache_metrics_options> cache_metrics_schema();
expected<store_promises> cache_metrics_promises(const cache_metrics_options& options, const promises_of& of);

/// Counts what is asked of another store, and how long that takes to answer. It changes nothing.
expected<store_actor> spawn_cache_metrics_store(const cache_metrics_options& options,
                                                const store_context& context);

}  // namespace kiln
