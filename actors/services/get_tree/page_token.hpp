#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/digest/digest.hpp"

namespace kiln {

/// The page token of a tree says at which directory to go on, and which ones stand in front of it
/// (tree_segment::trail). Nothing is kept for it: any server that has the blobs understands it.
std::string page_token(const digest& root, std::size_t position, std::uint64_t trail);
/// INVALID_ARGUMENT for what is no token. Whether it is this tree's shows when the tree is there.
expected<std::size_t> position_in(std::string_view token);

}  // namespace kiln
