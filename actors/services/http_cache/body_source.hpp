#pragma once

#include <cstdint>
#include <optional>

#include "core/contract/call.hpp"
#include "core/contract/stream.hpp"

namespace kiln {

/// What the client of this call sends, as a blob that a store pulls: exactly `size` bytes, or an error. None:
/// however much that is.
blob_source_ptr body_of(call_ptr from, std::optional<std::uint64_t> size);

}  // namespace kiln
