#pragma once

#include "core/contract/store.hpp"

namespace kiln::chunked {

/// An actor without a mailbox in front of two stores: on the sender's own thread it hands an order to `whole`
/// if no blob in it has `min_size` bytes, and to `composed` otherwise. So what is small takes no way round,
/// which a turn of another actor would be. It ends with `composed`, and `composed` with it.
store_actor make_front(caf::actor_system& system, std::int64_t min_size, const store_actor& whole,
                       const store_actor& composed);

}  // namespace kiln::chunked
