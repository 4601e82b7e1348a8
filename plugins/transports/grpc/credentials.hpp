#pragma once

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "core/base/error.hpp"
#include "plugins/transports/grpc/grpc_options.hpp"

namespace kiln::grpc_plugin {

/// Encrypted if there is a certificate, in the clear otherwise. An error names the file that cannot be read,
/// is no PEM, or does not fit the other.
expected<std::shared_ptr<grpc::ServerCredentials>> server_credentials(const tls_files& files);
/// For grpcs:// endpoints.
expected<std::shared_ptr<grpc::ChannelCredentials>> client_credentials(const tls_files& files);

}  // namespace kiln::grpc_plugin
