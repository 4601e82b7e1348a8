#include "core/plugin/export.hpp"
#include "plugins/stores/mirror/mirror_options.hpp"
#include "plugins/stores/mirror/mirror_store.hpp"

KILN_STORE_PLUGIN("mirror", kiln::mirror_schema, kiln::spawn_mirror_store, kiln::mirror_promises)
