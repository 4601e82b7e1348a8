#pragma once

#include <string>

#include "core/observe/metrics.hpp"

namespace kiln {

/// The text format of Prometheus, version 0.0.4: families by name, series by label values; families without a
/// series are left out. Any thread; locks are held for copying pointers only.
std::string prometheus_text(const metric_registry& metrics);

}  // namespace kiln
