#pragma once

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

#include "actors/services/common/cache_limits.hpp"
#include "actors/services/common/rpc.hpp"
#include "actors/services/get_tree/tree_coalescer.hpp"

/// ContentAddressableStorage.GetTree: streams what the coalescer has or finds, as the client takes it, and
/// makes sure of what was read before the call. A client that leaves ends its part of the walk.
namespace kiln {

struct get_tree : inbound {};
/// News of a call: the transport took a message, or the client is gone.
struct tree_message_written {
  std::uint64_t call = 0;
  bool taken = false;
};

using get_tree_actor = caf::typed_actor<caf::reacts_to<get_tree>, caf::reacts_to<tree_message_written>>;

/// `blobs` is the store of content that the coalescer walks.
get_tree_actor spawn_get_tree(caf::actor_system& system, const environment& env,
                              const get_tree_options& options, const cache_limits& limits, store_actor blobs,
                              tree_coalescer_actor trees);
void add_routes(router& routes, const get_tree_actor& to);

}  // namespace kiln

KILN_MESSAGE(kiln::get_tree)
KILN_MESSAGE(kiln::tree_message_written)
