#pragma once

#include <memory>
#include <string>

#include "core/contract/transport.hpp"
#include "plugins/transports/grpc/hub.hpp"
#include "plugins/transports/grpc/options.hpp"

namespace kiln::grpc_plugin {

/// A way out to "grpc://host:port", "grpcs://host:port", "host:port" (in the clear) or "unix:/path". It
/// connects with the first call, and again whenever it must; calls fail with UNAVAILABLE meanwhile. All calls
/// of a channel whose endpoint or credentials make no sense fail with that error.
std::shared_ptr<channel> dial_endpoint(const std::string& endpoint, const grpc_options& options,
                                       std::shared_ptr<outbound_hub> hub);

}  // namespace kiln::grpc_plugin
