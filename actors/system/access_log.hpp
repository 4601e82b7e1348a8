#pragma once

#include "core/admission/call_hooks.hpp"

namespace kiln {

class logger;

/// From now on every call, whatever its wire, leaves a line in the log when it ends or is refused: peer,
/// method, instance, status, bytes in and out, and how long it took. Text that a client chose is cut. `log`
/// outlives the hooks.
void log_calls(call_hooks& hooks, logger& log);

/// The instance that the first message of a call of gRPC names; empty for the nameless one, and for methods
/// that know none.
std::string instance_of_message(std::string_view method, const byte_chain& first);

}  // namespace kiln
