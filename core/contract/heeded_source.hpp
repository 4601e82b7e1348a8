#pragma once

#include <functional>

#include "core/contract/stream.hpp"

namespace kiln {

/// The same source; `when_failed` hears of its error before the reader does, on whichever thread brings it.
blob_source_ptr heeded(blob_source_ptr source, std::function<void(const error&)> when_failed);

}  // namespace kiln
