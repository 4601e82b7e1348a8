#include "core/plugin/plugin.hpp"
#include "plugins/stores/memory/memory_store.hpp"
#include "plugins/stores/memory/options.hpp"

KILN_STORE_PLUGIN("memory", kiln::memory_schema, kiln::spawn_memory_store)
