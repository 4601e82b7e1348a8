#pragma once

#include <caf/fwd.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <memory>
#include <vector>

#include "core/base/thread_pool.hpp"
#include "core/contract/resume.hpp"
#include "core/contract/store.hpp"
#include "core/digest/chunker.hpp"

namespace kiln {

/// -> blob_chunks: reads the blob, cuts it, and stores what the store does not have yet.
struct cut_blob {
  digest blob;
  blob_content content;
  order_deadline until = waits_for_ever;
};
struct blob_chunks {
  std::vector<digest> parts;
};

using blob_cutter_actor =
    caf::typed_actor<caf::replies_to<cut_blob>::with<blob_chunks>, caf::reacts_to<resume>>;

/// For one blob; it ends with its answer. It holds some 4 MiB beside two of the largest chunks. Cutting and
/// hashing is done by `pool`.
blob_cutter_actor spawn_blob_cutter(caf::actor_system& system, const fast_cdc_parameters& parameters,
                                    store_actor blobs, std::shared_ptr<thread_pool> pool);

}  // namespace kiln

KILN_MESSAGE(kiln::cut_blob)
KILN_MESSAGE(kiln::blob_chunks)
