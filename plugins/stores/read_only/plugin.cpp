#include "core/plugin/export.hpp"
#include "plugins/stores/read_only/read_only_store.hpp"

KILN_STORE_PLUGIN("read_only", kiln::read_only_schema, kiln::spawn_read_only_store, kiln::read_only_promises)
