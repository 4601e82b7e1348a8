#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "actors/worker/explain/machine_facts.hpp"
#include "actors/worker/worker_options.hpp"
#include "actors/worker/worker_resources.hpp"

/// What to do for a worker to have what it lacks: each a sentence, the likeliest first. Plain functions, of
/// what is known and nothing else; empty where nothing is lacking that is wanted.
namespace kiln {

std::vector<std::string> advice_for_sandbox(const machine_facts& machine, const worker_shortfalls& lacks);

/// Why its inputs do not come in the best way, and what to do.
struct input_advice {
  std::string why_not_overlay;
  std::string why_not_links;
  std::vector<std::string> cures;
};
input_advice advice_for_inputs(const worker_options& options, const worker_shortfalls& lacks, bool sandboxed,
                               std::string_view file_system);

std::vector<std::string> advice_for_users(const machine_facts& machine, const worker_shortfalls& lacks);

}  // namespace kiln
