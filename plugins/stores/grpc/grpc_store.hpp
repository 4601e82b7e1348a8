#pragma once

#include "core/plugin/plugin.hpp"
#include "plugins/stores/grpc/grpc_store_options.hpp"

namespace kiln {

/// A thin actor: what is asked goes to the other server on the transport's threads, and only the answers pass
/// through the actor again.
expected<store_actor> spawn_grpc_store(const grpc_store_options& options, const store_context& context);

}  // namespace kiln
