#include "core/plugin/export.hpp"
#include "plugins/stores/s3/s3_options.hpp"
#include "plugins/stores/s3/s3_store.hpp"

KILN_STORE_PLUGIN("s3", kiln::s3_schema, kiln::spawn_s3_store, kiln::s3_promises)
