#include "actors/worker/sandbox/limits_of_action.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

#include "actors/worker/fault_owners.hpp"
#include "actors/worker/worker_options.hpp"
#include "core/config/units.hpp"

namespace kiln {
namespace {

// Less than any program starts with: a number that was meant otherwise.
constexpr std::uint64_t least_memory = std::uint64_t{16} << 20;

/// The sum of what is asked for under the name, as the scheduler counts it; 0: nothing.
std::uint64_t amount_of(const platform_properties& platform, std::string_view name) noexcept {
  std::uint64_t all = 0;
  for (const auto& [property, value] : platform) {
    std::uint64_t amount = 0;
    const char* end = value.data() + value.size();
    if (property != name || std::from_chars(value.data(), end, amount).ptr != end) continue;
    all = amount > std::numeric_limits<std::uint64_t>::max() - all ? std::numeric_limits<std::uint64_t>::max()
                                                                   : all + amount;
  }
  return all;
}

std::uint64_t lesser(std::uint64_t most, std::uint64_t asked) noexcept {
  if (asked == 0) return most;
  return most == 0 ? asked : std::min(most, asked);
}

}  // namespace

group_limits limits_for(const group_limits& most, const platform_properties& platform) noexcept {
  group_limits limits = most;
  const auto memory = amount_of(platform, "memory");
  limits.memory = lesser(most.memory, memory == 0 ? 0 : std::max(memory, least_memory));
  limits.cpus = lesser(most.cpus, amount_of(platform, "cpu"));
  return limits;
}

expected<std::shared_ptr<const control_group>> take_group(control_groups* from, const group_limits& most,
                                                          const sandbox_options& options,
                                                          const platform_properties& platform) {
  if (from == nullptr) return nullptr;
  if (const auto asked = amount_of(platform, "memory"); options.memory && asked > options.memory->bytes)
    return failure(
        owned_by(fault_owner::action,
                 {errc::failed_precondition,
                  fmt::format("the action asks for {} bytes of memory, and this worker gives one {} "
                              "(sandbox.memory)",
                              asked, to_string(*options.memory))}));
  auto taken = from->take(limits_for(most, platform));
  if (!taken) return failure(std::move(taken).error());
  return std::shared_ptr<const control_group>(std::move(*taken));
}

}  // namespace kiln
