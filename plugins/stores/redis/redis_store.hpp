#pragma once

#include "core/plugin/plugin.hpp"
#include "plugins/stores/redis/redis_options.hpp"

namespace kiln {

/// A thin actor: what is asked goes to the servers on a thread of its own, and only the answers pass through
/// the actor again. Needs no server to begin, but to see that one
/// tells of its keys, where keyspace_news asks for it.
expected<store_actor> spawn_redis_store(const redis_options& options, const store_context& context);

}  // namespace kiln
