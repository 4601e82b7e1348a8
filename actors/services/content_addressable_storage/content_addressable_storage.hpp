#pragma once

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>
#include <vector>

#include "actors/services/common/cache_limits.hpp"
#include "actors/services/common/compression.hpp"
#include "actors/services/common/rpc.hpp"
#include "core/contract/resume.hpp"
#include "core/contract/store.hpp"
#include "core/plugin/environment.hpp"

/// The batch methods of ContentAddressableStorage. Each RPC is one message to the store, so nothing is kept
/// between them, and several of these actors may share the work. GetTree has an actor of its own.
namespace kiln {

struct find_missing_blobs : inbound {};
struct batch_update_blobs : inbound {};
struct batch_read_blobs : inbound {};

using content_addressable_storage_actor =
    caf::typed_actor<caf::reacts_to<find_missing_blobs>, caf::reacts_to<batch_update_blobs>,
                     caf::reacts_to<batch_read_blobs>, caf::reacts_to<resume>>;

/// `blobs` is a store of content.
content_addressable_storage_actor spawn_content_addressable_storage(caf::actor_system& system,
                                                                    const environment& env,
                                                                    const cache_limits& limits,
                                                                    const compression& zstd,
                                                                    store_actor blobs);
void add_routes(router& routes, std::vector<content_addressable_storage_actor> lanes);

}  // namespace kiln

KILN_MESSAGE(kiln::find_missing_blobs)
KILN_MESSAGE(kiln::batch_update_blobs)
KILN_MESSAGE(kiln::batch_read_blobs)
