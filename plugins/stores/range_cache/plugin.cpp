#include "core/plugin/export.hpp"
#include "plugins/stores/range_cache/range_cache_options.hpp"
#include "plugins/stores/range_cache/range_cache_store.hpp"

KILN_STORE_PLUGIN("range_cache", kiln::range_cache_schema, kiln::spawn_range_cache_store,
                  kiln::range_cache_promises)
