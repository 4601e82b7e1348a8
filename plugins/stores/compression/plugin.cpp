#include "core/plugin/export.hpp"
#include "plugins/stores/compression/compression_store.hpp"
#include "plugins/stores/compression/compression_store_options.hpp"

KILN_STORE_PLUGIN("compression", kiln::compression_store_schema, kiln::spawn_compression_store,
                  kiln::compression_store_promises)
