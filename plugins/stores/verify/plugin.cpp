#include "core/plugin/export.hpp"
#include "plugins/stores/verify/verify_options.hpp"
#include "plugins/stores/verify/verify_store.hpp"

KILN_STORE_PLUGIN("verify", kiln::verify_schema, kiln::spawn_verify_store, kiln::verify_promises)
