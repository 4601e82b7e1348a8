#pragma once

#include <cstdint>
#include <string>

#include "core/base/disk.hpp"
#include "core/contract/action.hpp"

namespace kiln {

/// What a worker's machine is, as far as its cgroup lets the worker have it.
struct own_machine {
  std::string kind;  ///< the kernel's word: "x86_64"
  unsigned processors = 1;
  std::uint64_t memory = 0;  ///< bytes
};

/// This one. The cgroup's limits are read from `on`.
own_machine find_own_machine(disk& on);

/// What every worker offers of itself unless its configuration says something else of the same name:
/// OSFamily, ISA and Arch, each in the spellings that clients use for this machine, and the amounts cpu, in
/// processors, and memory, in bytes. Sorted.
platform_properties usual_properties(const own_machine& machine);

}  // namespace kiln
