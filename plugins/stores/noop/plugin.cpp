#include "core/plugin/export.hpp"
#include "plugins/stores/noop/noop_store.hpp"

KILN_STORE_PLUGIN("noop", kiln::noop_schema, kiln::spawn_noop_store, kiln::noop_promises)
