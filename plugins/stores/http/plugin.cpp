#include "core/plugin/export.hpp"
#include "plugins/stores/http/web_store.hpp"
#include "plugins/stores/http/web_store_options.hpp"

KILN_STORE_PLUGIN("http", kiln::web_store_schema, kiln::spawn_web_store, kiln::web_store_promises)
