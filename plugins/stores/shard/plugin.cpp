#include "core/plugin/export.hpp"
#include "plugins/stores/shard/shard_options.hpp"
#include "plugins/stores/shard/shard_store.hpp"

KILN_STORE_PLUGIN("shard", kiln::shard_schema, kiln::spawn_shard_store, kiln::shard_promises)
