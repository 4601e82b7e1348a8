#include "core/observe/memory_budget.hpp"

namespace kiln {
namespace {

metric_family<gauge>& bounds(metric_registry& in) {
  return in.gauges("kiln_memory_bound_bytes", "Memory that a part of the process may take at most.",
                   {"part", "purpose"});
}

}  // namespace

void claim_memory(metric_registry* in, const memory_claim& claim) {
  if (in) bounds(*in).with({claim.part, claim.purpose}).set(static_cast<double>(claim.bytes));
}

std::vector<memory_claim> claimed_memory(metric_registry& in) {
  std::vector<memory_claim> found;
  for (const auto& [labels, bound] : bounds(in).snapshot())
    found.push_back({labels[0], labels[1], static_cast<std::uint64_t>(bound->value())});
  return found;
}

}  // namespace kiln
