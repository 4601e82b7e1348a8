#pragma once

#include <string>
#include <vector>

#include "actors/worker/explain/machine_facts.hpp"
#include "actors/worker/worker_resources.hpp"
#include "core/contract/worker_messages.hpp"

namespace kiln {

/// What `kiln worker --explain` prints: how this worker would run actions on this machine, what it lacks and
/// how to get it. Plain text of at most 110 columns. `profile` is complete; `lenders` are the folders, on
/// this machine, of the stores that its inputs come from.
std::string explain_worker(const worker_resources& worker, const worker_profile& profile,
                           const machine_facts& machine, const std::vector<std::string>& lenders);

}  // namespace kiln
