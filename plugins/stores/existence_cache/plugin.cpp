#include "core/plugin/export.hpp"
#include "plugins/stores/existence_cache/existence_cache_options.hpp"
#include "plugins/stores/existence_cache/existence_cache_store.hpp"

KILN_STORE_PLUGIN("existence_cache", kiln::existence_cache_schema, kiln::spawn_existence_cache_store,
                  kiln::existence_cache_promises)
