#include "core/plugin/export.hpp"
#include "plugins/stores/memory/memory_options.hpp"
#include "plugins/stores/memory/memory_store.hpp"

KILN_STORE_PLUGIN("memory", kiln::memory_schema, kiln::spawn_memory_store, kiln::memory_promises)
