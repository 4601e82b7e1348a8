#pragma once

#include "actors/worker/command/launcher/protocol.hpp"

/// How the descriptors of a command are handed on, over a socket of packets: a byte that says which there
/// are, and those.
namespace kiln::launcher {

/// False with an errno. The descriptors stay the caller's, too. `wait`: until there is room for it.
bool send_command(int to, const command_descriptors& with, bool wait = false);

enum class arrival { command, nothing, closed };
/// Waits for one, unless the socket is one that does not. What came is the caller's to close.
arrival receive_command(int from, command_descriptors& into);

void close_all(const command_descriptors& which);

}  // namespace kiln::launcher
