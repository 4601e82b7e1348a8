#include "core/plugin/export.hpp"
#include "plugins/stores/ref/ref_store.hpp"

KILN_STORE_PLUGIN("ref", kiln::ref_schema, kiln::spawn_ref_store, kiln::ref_promises)
