#pragma once

#include <functional>

#include "core/contract/stream.hpp"

namespace kiln {

/// `source` for as long as somebody wants it: it ends with CANCELLED, instead of being read, from when
/// `is_wanted` says no. That is asked before each piece, on whichever thread reads.
blob_source_ptr while_wanted(blob_source_ptr source, std::function<bool()> is_wanted);

}  // namespace kiln
