#pragma once

#include <cstdint>
#include <memory>

#include "actors/worker/inputs/input_tree.hpp"
#include "core/merkle/walked_tree.hpp"

namespace kiln {

/// What has to lie over the tree `below` so that the union of both is `wanted`: what is new or other, and
/// what is to be hidden. Only folders that differ are looked into. Null if that would be more than `most`
/// entries. Both trees have been read whole.
std::shared_ptr<input_tree> tree_difference(const walked_tree& wanted, const walked_tree& below, bool links,
                                            std::uint64_t most);

}  // namespace kiln
