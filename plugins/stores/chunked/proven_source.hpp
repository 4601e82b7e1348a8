#pragma once

#include <functional>

#include "core/base/crew.hpp"
#include "core/contract/composition.hpp"

namespace kiln::chunked {

/// The bytes of a composed blob, all of them, read from `inner` and hashed on `hashing`: it ends with
/// DATA_LOSS instead of with its last bytes if they are not the blob. `wrong` is called then, on any thread;
/// not where they could not be read.
std::shared_ptr<composed_source> proven_source(caf::actor_system& system, const store_actor& inner,
                                               const digest& blob, const composition& whole,
                                               std::shared_ptr<crew> hashing, std::function<void()> wrong);

}  // namespace kiln::chunked
