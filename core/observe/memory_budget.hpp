#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/observe/metrics.hpp"

namespace kiln {

/// Memory that a part of the process may take at most.
struct memory_claim {
  std::string part;     ///< "store blobs"
  std::string purpose;  ///< what the configuration calls it: "hot_memory"
  std::uint64_t bytes = 0;
};

/// Every part whose memory grows with use says so here when it is made; the last word of one part and purpose
/// counts. Operators see it as kiln_memory_bound_bytes. Any thread; without a registry it is lost.
void claim_memory(metric_registry* in, const memory_claim& claim);

/// All that was claimed so far, by part and purpose.
std::vector<memory_claim> claimed_memory(metric_registry& in);

}  // namespace kiln
