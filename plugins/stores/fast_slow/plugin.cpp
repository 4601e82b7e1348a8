#include "core/plugin/export.hpp"
#include "plugins/stores/fast_slow/fast_slow_options.hpp"
#include "plugins/stores/fast_slow/fast_slow_store.hpp"

KILN_STORE_PLUGIN("fast_slow", kiln::fast_slow_schema, kiln::spawn_fast_slow_store, kiln::fast_slow_promises)
