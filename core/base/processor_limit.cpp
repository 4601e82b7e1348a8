#include "core/base/processor_limit.hpp"

#include <algorithm>
#include <cstdint>
#include <sstream>

#include "core/base/cgroups.hpp"

namespace kiln {

processor_bound find_processor_limit(disk& on, const std::string& root, unsigned of_machine) {
  processor_bound least{std::max(1U, of_machine), "the machine"};
  // Microseconds of all processors together in each period of so many; no number, or -1, is no limit.
  auto apply = [&](const std::string& path, const std::string& numbers) {
    std::int64_t quota = 0, period = 0;
    std::istringstream words(numbers);
    if (!(words >> quota >> period) || quota <= 0 || period <= 0) return;
    const auto whole = std::max<std::int64_t>(1, quota / period);
    if (whole < std::int64_t{least.count}) least = {static_cast<unsigned>(whole), path};
  };
  auto text = [&](const std::string& path) { return system_text(on, root + path).value_or(""); };
  each_own_cgroup(on, root, "cpu", [&](const std::string& folder, cgroup_version version) {
    if (version == cgroup_version::two) return apply(folder + "/cpu.max", text(folder + "/cpu.max"));
    const auto path = folder + "/cpu.cfs_quota_us";
    apply(path, text(path) + " " + text(folder + "/cpu.cfs_period_us"));
  });
  return least;
}

}  // namespace kiln
