#pragma once

#include <string>

namespace kiln {

/// Who is at the other end of this socket, as call_info has it: "ipv4:127.0.0.1:40312", "unix:".
std::string peer_of(int descriptor);

}  // namespace kiln
