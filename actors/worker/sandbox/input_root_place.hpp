#pragma once

#include "core/contract/action.hpp"

/// Where an action in a sandbox finds its input root: the platform property `InputRootAbsolutePath` says it,
/// as clients of other services know it.
namespace kiln {

/// What a worker offers under that name: only in a sandbox can it be anywhere.
platform_properties offered_input_roots(bool sandboxed);

/// Whether it is to be all that the action sees, as /.
bool is_at_root(const platform_properties& platform) noexcept;

}  // namespace kiln
