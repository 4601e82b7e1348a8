#pragma once

#include "actors/worker/sandbox/control_groups.hpp"
#include "core/contract/action.hpp"

namespace kiln {

/// What an action may have: what its platform asks for, `memory` (bytes) and `cpu` (processors), but never
/// more than `most` of either. What is no number was refused by the scheduler, and asks for nothing here.
group_limits limits_for(const group_limits& most, const platform_properties& platform) noexcept;

}  // namespace kiln
