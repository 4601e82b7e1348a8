#pragma once

#include <memory>
#include <string>

#include "core/contract/transport.hpp"
#include "plugins/transports/grpc/grpc_options.hpp"
#include "plugins/transports/grpc/hub.hpp"

namespace kiln::grpc_plugin {

/// Whether this is an endpoint of gRPC's. Where several transports could dial an encrypted one, the one that
/// knows whom to believe was made for it.
expected<dial_fit> suits_endpoint(const std::string& where, const grpc_options& options);

/// A way out to "grpc://host:port", "grpcs://host:port", "host:port" (in the clear) or "unix:/path". It
/// connects with the first call, and again whenever it must; calls fail with UNAVAILABLE meanwhile. All calls
/// of a channel whose endpoint or credentials make no sense fail with that error.
std::shared_ptr<channel> dial_endpoint(const std::string& where, const grpc_options& options,
                                       std::shared_ptr<outbound_hub> hub);

}  // namespace kiln::grpc_plugin
