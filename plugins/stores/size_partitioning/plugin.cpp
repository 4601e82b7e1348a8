#include "core/plugin/export.hpp"
#include "plugins/stores/size_partitioning/size_partitioning_options.hpp"
#include "plugins/stores/size_partitioning/size_partitioning_store.hpp"

KILN_STORE_PLUGIN("size_partitioning", kiln::size_partitioning_schema, kiln::spawn_size_partitioning_store,
                  kiln::size_partitioning_promises)
