#pragma once

#include "core/plugin/plugin.hpp"
#include "plugins/stores/chunked/chunked_options.hpp"

namespace kiln {

/// A store of content over another. A blob that is written as a composition (core/contract/composition.hpp)
/// is kept as that, and a whole copy of it given up: its parts and its layout are durable by then. It is
/// there as long as its layout and all its parts are, and whoever asks for it prolongs the life of them all.
/// Reading it answers with a composition. It is told as evicted when its layout or a part leaves, and, for
/// want of memory, where that could not be told; of a blob that turns from whole to composed it is told that
/// it left and came, and a lease on it ends.
///
/// INVALID_ARGUMENT over a store of results, whose bytes have no parts.
expected<store_actor> spawn_chunked_store(const chunked_options& options, const store_context& context);

}  // namespace kiln
