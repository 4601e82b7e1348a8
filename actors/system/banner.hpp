#pragma once

#include <string>
#include <vector>

#include "actors/system/assembly.hpp"

namespace kiln {

/// What a node says on stdout when it has started: where it listens, where its data is, what to paste into
/// .bazelrc, and what its owner should know of who may do what.
std::string banner(const std::vector<listener>& listeners, const node_options& options);

}  // namespace kiln
