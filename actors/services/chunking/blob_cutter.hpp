#pragma once

#include <caf/fwd.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <memory>
#include <vector>

#include "core/base/thread_pool.hpp"
#include "core/contract/store.hpp"
#include "core/digest/chunker.hpp"

namespace kiln {

/// -> blob_chunks: reads the blob, cuts it, and stores what the store does not have yet.
struct cut_blob {
  digest blob;
  blob_content content;
};
struct blob_chunks {
  std::vector<digest> parts;
};
/// More of the blob has been read, or it has ended, or failed.
struct piece_read {
  expected<byte_chain> piece;
};
/// What came out of it.
struct piece_cut {
  std::vector<write_blobs::entry> chunks;
  bool last = false;
};

using blob_cutter_actor = caf::typed_actor<caf::replies_to<cut_blob>::with<blob_chunks>,
                                           caf::reacts_to<piece_read>, caf::reacts_to<piece_cut>>;

/// For one blob; it ends with its answer. It holds some 4 MiB beside two of the largest chunks. Cutting and
/// hashing is done by `pool`.
blob_cutter_actor spawn_blob_cutter(caf::actor_system& system, const fast_cdc_parameters& parameters,
                                    store_actor blobs, std::shared_ptr<thread_pool> pool);

}  // namespace kiln

KILN_MESSAGE(kiln::cut_blob)
KILN_MESSAGE(kiln::blob_chunks)
KILN_MESSAGE(kiln::piece_read)
KILN_MESSAGE(kiln::piece_cut)
