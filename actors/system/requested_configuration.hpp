#pragma once

#include "actors/system/commands.hpp"
#include "actors/system/configuration.hpp"

namespace kiln {

/// What a command line asks to be served: its file or profile, with what its flags say. INVALID_ARGUMENT as
/// for read_configuration, and for a flag that is wrong or that nothing would heed.
expected<configuration> requested_configuration(const serve_request& request, const plugin_registry& plugins);

}  // namespace kiln
