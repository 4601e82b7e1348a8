#include "actors/system/memory_report.hpp"

#include <algorithm>
#include <string>

#include "core/observe/log.hpp"
#include "core/observe/memory_budget.hpp"

namespace kiln {
namespace {

std::string mebibytes(std::uint64_t bytes) {
  return fmt::format("{}MiB", bytes >> 20);
}

std::string listed(std::vector<memory_claim> claims) {
  std::sort(claims.begin(), claims.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  std::string text;
  for (const auto& one : claims)
    text += fmt::format("{}{} {}: {}", text.empty() ? "" : ", ", one.part, one.purpose, mebibytes(one.bytes));
  return text;
}

}  // namespace

void report_memory(metric_registry& claimed, const memory_bound& limit, logger& log) {
  auto claims = claimed_memory(claimed);
  std::uint64_t sum = 0;
  for (const auto& one : claims) sum += std::min(one.bytes, UINT64_MAX - sum);
  const auto may = mebibytes(limit.bytes), take = mebibytes(sum);
  auto parts = listed(std::move(claims));
  if (sum > limit.bytes)
    log.warn("the parts may take more memory than there is for this process, which may then be ended",
             {{"limit", may}, {"from", limit.from}, {"sum", take}, {"parts", parts}});
  else
    log.info("memory", {{"limit", may}, {"from", limit.from}, {"sum", take}, {"parts", parts}});
}

}  // namespace kiln
