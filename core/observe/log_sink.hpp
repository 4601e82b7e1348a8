#pragma once

#include <functional>
#include <string_view>

namespace kiln {

/// Takes whole lines, newlines included; false when they were lost. Called by one thread at a time, may
/// block, must not throw.
using log_sink = std::function<bool(std::string_view lines)>;

/// Writes to its own duplicate of `descriptor`, so that closing or reusing the number later cannot send log
/// lines into somebody else's file. A descriptor that is closed, full or without a reader loses lines and
/// does nothing worse; writing goes on when it recovers.
log_sink descriptor_sink(int descriptor);

}  // namespace kiln
