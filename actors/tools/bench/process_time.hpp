#pragma once

#include <sys/types.h>

#include <optional>

namespace kiln::bench {

/// CPU seconds, user and system, of a process and all that descend from it: of those that have ended what
/// their parents were told, of the others what /proc says. Nothing if there is no such process. Reads
/// /proc/*/stat.
std::optional<double> cpu_seconds(pid_t process);

}  // namespace kiln::bench
