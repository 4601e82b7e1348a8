#include "core/base/memory_limit.hpp"

#include <unistd.h>

#include <sstream>

#include "core/base/cgroups.hpp"

namespace kiln {

memory_bound find_memory_limit(const std::string& root, disk& on) {
  memory_bound least{static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                         static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE)),
                     "the machine"};
  // A file holds a number or "max"; version 1 says "no limit" with a number near 2^63.
  auto apply = [&](const std::string& path) {
    std::uint64_t value = 0;
    std::istringstream file(system_text(on, root + path).value_or(""));
    if (file >> value && value < least.bytes) least = {value, path};
  };
  each_own_cgroup(on, root, "memory", [&](const std::string& folder, cgroup_version version) {
    if (version == cgroup_version::one) return apply(folder + "/memory.limit_in_bytes");
    apply(folder + "/memory.max");
    apply(folder + "/memory.high");
  });
  return least;
}

}  // namespace kiln
