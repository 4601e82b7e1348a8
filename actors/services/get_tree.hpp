#pragma once

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

#include "actors/services/rpc.hpp"
#include "core/config/schema.hpp"
#include "core/contract/store.hpp"
#include "core/plugin/environment.hpp"

/// ContentAddressableStorage.GetTree: walks level by level, one batch of reads each, and streams what it
/// finds as the client takes it. A client that leaves stops its walk.
namespace kiln {

struct get_tree_options {
  std::size_t max_directories = 500'000;  ///< of one tree; each costs some 200 bytes while it is walked
  std::size_t max_walks = 256;            ///< at once; RESOURCE_EXHAUSTED beyond
};
schema<get_tree_options> get_tree_schema();

struct get_tree : inbound {};
/// News of a walk: the transport took a message, or the client is gone.
struct tree_message_written {
  std::uint64_t walk = 0;
  bool taken = false;
};

using get_tree_actor = caf::typed_actor<caf::reacts_to<get_tree>, caf::reacts_to<tree_message_written>>;

/// `blobs` is a store of content.
get_tree_actor spawn_get_tree(caf::actor_system& system, const environment& env,
                              const get_tree_options& options, store_actor blobs);
void add_routes(router& routes, const get_tree_actor& to);

}  // namespace kiln

KILN_MESSAGE(kiln::get_tree)
KILN_MESSAGE(kiln::tree_message_written)
