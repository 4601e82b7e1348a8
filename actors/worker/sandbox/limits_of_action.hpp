#pragma once

#include <memory>

#include "actors/worker/sandbox/control_groups.hpp"
#include "core/contract/action.hpp"

namespace kiln {

struct sandbox_options;

/// What an action may have: what its platform asks for, `memory` (bytes) and `cpu` (processors), but never
/// more than `most` of either. What is no number was refused by the scheduler, and asks for nothing here.
group_limits limits_for(const group_limits& most, const platform_properties& platform) noexcept;

/// A group for it; null where there are none. FAILED_PRECONDITION for an action that asks for more memory
/// than the options give any: it would be stopped half-way. Blocks shortly.
expected<std::shared_ptr<const control_group>> take_group(control_groups* from, const group_limits& most,
                                                          const sandbox_options& options,
                                                          const platform_properties& platform);

}  // namespace kiln
