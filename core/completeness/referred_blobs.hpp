#pragma once

#include <cstddef>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/digest/digest.hpp"
#include "core/merkle/merkle_walk.hpp"

/// What the folders among an action's outputs refer to. Plain functions.
namespace kiln {

inline constexpr std::size_t max_needed = 2'000'000;  ///< blobs that one result may refer to

/// Of a walk through the Directories that a result names.
walk_rules output_rules();

/// A whole Tree: all the directories are in the one message, so the walk asks nobody. INVALID_ARGUMENT if it
/// is none; NOT_FOUND if a directory in it names one that is not: what is below that belongs to the tree too,
/// and nobody knows it.
expected<walked_tree> contents_of_tree(const byte_chain& tree, digest_function function);

}  // namespace kiln
