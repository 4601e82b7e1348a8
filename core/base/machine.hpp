#pragma once

#include <cstdint>

namespace kiln {

/// What the process may use of the machine. Reads /proc and /sys on each call: asked once, at the start.

/// Bytes of memory that this process may use: the cgroup's limit if it has one, else the machine's memory.
std::uint64_t memory_limit();
/// Processors this process may run on, at least 1.
unsigned processors();

/// What is in our environment (tokens, keys) cannot be read in /proc/PID/environ any more, not even by root:
/// only we have it. Once, before there is a second thread.
void hide_environment();

}  // namespace kiln
