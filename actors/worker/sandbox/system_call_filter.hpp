#pragma once

#include <cstdint>
#include <vector>

#include "core/base/error.hpp"

namespace kiln {

/// What an action in a sandbox may not ask the kernel for, as instructions that the kernel takes
/// (sock_filter): to mount, to make namespaces in which it would have rights, to load programs or modules
/// into the kernel, or to use what all users of the machine share, like its keys. Such a call fails with
/// EPERM. UNIMPLEMENTED where no filter can be made for this machine.
expected<std::vector<std::uint64_t>> system_call_filter();

}  // namespace kiln
