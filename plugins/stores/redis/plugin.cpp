#include "core/plugin/export.hpp"
#include "plugins/stores/redis/redis_options.hpp"
#include "plugins/stores/redis/redis_store.hpp"

KILN_STORE_PLUGIN("redis", kiln::redis_schema, kiln::spawn_redis_store, kiln::redis_promises)
