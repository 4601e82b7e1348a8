#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "actors/worker/trees/tree_record.hpp"

namespace kiln {

/// All that lies in the folder, by its path from there, at most so many entries: RESOURCE_EXHAUSTED if there
/// are more. DATA_LOSS for what no tree has. Blocks.
expected<std::unordered_map<std::string, tree_entry>> look_at_tree(disk& on, const descriptor& folder,
                                                                   std::size_t most);

}  // namespace kiln
