#pragma once

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

#include "actors/services/common/cache_limits.hpp"
#include "actors/services/common/rpc.hpp"
#include "core/config/schema.hpp"
#include "core/contract/resume.hpp"
#include "core/contract/store.hpp"
#include "core/digest/chunker.hpp"
#include "core/plugin/environment.hpp"

/// SplitBlob and SpliceBlob of ContentAddressableStorage. They work over any store of content; over a chunked
/// one a blob's chunks are all that is kept, and how it was cut is remembered.
namespace kiln {

struct chunking_options {
  byte_size average_chunk_size = 512_KiB;
  std::uint32_t seed = 0;
  std::size_t max_chunks = 50'000;
  std::size_t max_running = 16;
  std::optional<std::size_t> threads;

  fast_cdc_parameters parameters() const noexcept { return {average_chunk_size.bytes, seed}; }
};
schema<chunking_options> chunking_schema();

struct split_blob : inbound {};
struct splice_blob : inbound {};

using chunking_actor =
    caf::typed_actor<caf::reacts_to<split_blob>, caf::reacts_to<splice_blob>, caf::reacts_to<resume>>;

/// `blobs` is a store of content.
chunking_actor spawn_chunking(caf::actor_system& system, const environment& env,
                              const chunking_options& options, const cache_limits& limits, store_actor blobs);
void add_routes(router& routes, const chunking_actor& to);

}  // namespace kiln

KILN_MESSAGE(kiln::split_blob)
KILN_MESSAGE(kiln::splice_blob)
