#pragma once

#include <functional>

#include "core/base/thread_pool.hpp"
#include "core/contract/joined_reads.hpp"
#include "core/contract/store.hpp"

namespace kiln::chunked {

struct proof_heard {
  std::function<void()> wrong;  ///< they are not; called on any thread, and not where they could not be read
  std::function<void()> right;  ///< they were read to the end, and are
};
/// The bytes of a composed blob, all of them, read from `inner` and hashed on `hashing`: it ends with
/// DATA_LOSS instead of with its last bytes if they are not the blob. Whoever wants them waits until then.
blob_source_ptr proven_source(caf::actor_system& system, const store_actor& inner, const digest& blob,
                              const composition& whole, order_deadline until,
                              std::shared_ptr<thread_pool> hashing, proof_heard heard, read_ahead ahead);

}  // namespace kiln::chunked
