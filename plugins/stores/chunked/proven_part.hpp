#pragma once

#include <functional>

#include "core/base/thread_pool.hpp"
#include "core/contract/joined_reads.hpp"
#include "core/contract/store.hpp"

namespace kiln::chunked {

/// The bytes of a composed blob that are asked for, at least one. Every chunk that they touch is read whole
/// from `inner`, hashed on `hashing`, and handed on when it has its digest; of one above 4 MiB the last bytes
/// are held back until then. A chunk that has another one ends it with DATA_LOSS, and `wrong` is called, on
/// any thread.
blob_source_ptr proven_part(caf::actor_system& system, const store_actor& inner, const composition& whole,
                            const read_blob& order, std::shared_ptr<thread_pool> hashing,
                            std::function<void()> wrong, read_ahead ahead);

}  // namespace kiln::chunked
