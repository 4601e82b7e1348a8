#pragma once

namespace kiln {

/// Processors this process may run on, at least 1. Asks the system on each call: asked once, at the start.
unsigned processors();

/// What is in our environment (tokens, keys) cannot be read in /proc/PID/environ any more, not even by root:
/// only we have it. Once, before there is a second thread.
void hide_environment();

}  // namespace kiln
