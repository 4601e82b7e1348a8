#include "core/plugin/interpreting.hpp"

#include <algorithm>

#include "core/base/machine.hpp"
#include "core/base/memory_limit.hpp"
#include "core/observe/memory_budget.hpp"

namespace kiln {
namespace {

// Of the memory of a small machine.
constexpr std::uint8_t max_percent = 8;

}  // namespace

interpreting make_interpreting(const environment& env, byte_size memory) {
  const auto bytes = std::min(memory.bytes, capacity::of_percent(max_percent).bytes_of(memory_limit()));
  claim_memory(env.metrics, {"services", "max_parsing_memory", bytes});
  return {env.pools->make("kiln-interpret", std::max(processors() / 2, 1U)),
          std::make_shared<work_budget>(bytes)};
}

}  // namespace kiln
