#include "core/plugin/export.hpp"
#include "plugins/stores/chunked/chunked_options.hpp"
#include "plugins/stores/chunked/chunked_store.hpp"

KILN_STORE_PLUGIN("chunked", kiln::chunked_schema, kiln::spawn_chunked_store, kiln::chunked_promises)
