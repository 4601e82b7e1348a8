#pragma once

#include <string>
#include <vector>

#include "core/base/error.hpp"

namespace kiln::grpc_plugin {

/// Whether each of these could be listened to now. gRPC itself would take over the file of a unix socket that
/// is in use, and would start with half of the addresses that a name stands for: so everything is tried
/// first. UNAVAILABLE names the address that is taken, INVALID_ARGUMENT one that makes no sense. A socket
/// file that nobody listens to is left for gRPC to replace.
expected<void> check_addresses(const std::vector<std::string>& addresses);

/// "127.0.0.1:0" with the port that the system chose.
std::string with_port(const std::string& address, int port);

}  // namespace kiln::grpc_plugin
