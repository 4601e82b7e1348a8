#pragma once

#include <set>
#include <string>

namespace kiln {

/// Of these peers ("ipv4:127.0.0.1:40312", "ipv6:[::1]:40312") those whose TCP connection to this machine
/// still stands: neither side has closed it, and it has not broken. Peers of other kinds are never among
/// them, nor is anybody where the kernel does not tell. Reads a file of the kernel's: for thread pools.
std::set<std::string> standing_connections(const std::set<std::string>& peers);

}  // namespace kiln
