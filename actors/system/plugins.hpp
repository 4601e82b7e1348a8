#pragma once

#include <string>

#include "core/plugin/loader.hpp"

namespace kiln {

/// All plugins of a folder; empty: of this build's own (machine.hpp). A folder without any is an error, for
/// nothing can be served, dialled or described without them.
expected<plugin_registry> load_plugins(const std::string& folder);

}  // namespace kiln
