#include "core/plugin/export.hpp"
#include "plugins/stores/cache_metrics/cache_metrics_store.hpp"

KILN_STORE_PLUGIN("cache_metrics", kiln::cache_metrics_schema, kiln::spawn_cache_metrics_store,
                  kiln::cache_metrics_promises)
