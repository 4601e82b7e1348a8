#pragma once

#include "core/contract/action.hpp"

namespace kiln {

/// What every worker offers of itself unless its configuration says something else of the same name:
/// OSFamily, ISA and Arch, each in the spellings that clients use for this machine. Sorted.
platform_properties usual_properties();

}  // namespace kiln
