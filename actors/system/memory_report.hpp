#pragma once

#include "core/base/memory_limit.hpp"

namespace kiln {

class logger;
class metric_registry;

/// Tells how much memory the process may use, who says so, and what its parts may take together. A warning,
/// with the parts by name, if that is more: then the system may end the process under load.
void report_memory(metric_registry& claimed, const memory_bound& limit, logger& log);

}  // namespace kiln
