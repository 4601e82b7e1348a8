#pragma once

#include "actors/system/assembly.hpp"

namespace kiln {

/// Tells on stdout where the node listens, where its data is, and what to paste into .bazelrc.
void print_banner(const assembly& running, const node_options& options);

}  // namespace kiln
