#pragma once

#include "core/plugin/plugin.hpp"
#include "plugins/stores/compression/compression_store_options.hpp"

namespace kiln {

/// A store of content over another. A blob that shrinks is kept as zstd (packed_form.hpp), which lies in the
/// inner store as a blob of its own, under its own digest, and a record of that in the index; it is there as
/// long as both are, and whoever asks for it prolongs the life of both. What is read is hashed on the way, so
/// neither the record nor the segments have to be believed: what proves wrong ends with DATA_LOSS, is missing
/// from then on, and can be written anew. A reader that takes zstd gets a whole blob as it lies.
///
/// News are told of what comes, and of what is forgotten. A compressed blob that is evicted is found missing,
/// and of it the news name what it was compressed to.
///
/// INVALID_ARGUMENT over a store of results, which are small and not named after their bytes.
expected<store_actor> spawn_compression_store(const compression_store_options& options,
                                              const store_context& context);

}  // namespace kiln
