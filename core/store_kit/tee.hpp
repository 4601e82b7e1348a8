#pragma once

#include <cstddef>
#include <vector>

#include "core/contract/stream.hpp"

namespace kiln {

/// `source` for several readers, each of which gets every piece. The next piece is read when all of them want
/// one: demand comes from the slowest, and no piece is kept. A reader that gives up, by `cancel` or by being
/// dropped, holds up nobody any more; when the last has, `source` is cancelled. Any thread.
std::vector<blob_source_ptr> tee(blob_source_ptr source, std::size_t readers);

}  // namespace kiln
