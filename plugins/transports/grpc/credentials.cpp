#include "plugins/transports/grpc/credentials.hpp"

#include <utility>

#include "core/net/tls_identity.hpp"

namespace kiln::grpc_plugin {

expected<std::shared_ptr<grpc::ServerCredentials>> server_credentials(const tls_files& files) {
  if (files.cert.empty()) return grpc::InsecureServerCredentials();
  auto self = read_identity(files);
  if (!self) return fail(std::move(self).error());
  grpc::SslServerCredentialsOptions options(files.ca.empty()
                                                ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                                : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_key_cert_pairs.push_back({std::move(self->key), std::move(self->cert)});
  if (!files.ca.empty()) {
    auto authorities = read_authorities(files.ca);
    if (!authorities) return fail(std::move(authorities).error());
    options.pem_root_certs = std::move(*authorities);
  }
  return grpc::SslServerCredentials(options);
}

expected<std::shared_ptr<grpc::ChannelCredentials>> client_credentials(const tls_files& files) {
  grpc::SslCredentialsOptions options;
  if (!files.ca.empty()) {
    auto authorities = read_authorities(files.ca);
    if (!authorities) return fail(std::move(authorities).error());
    options.pem_root_certs = std::move(*authorities);
  }
  if (!files.cert.empty()) {
    auto self = read_identity(files);
    if (!self) return fail(std::move(self).error());
    options.pem_private_key = std::move(self->key);
    options.pem_cert_chain = std::move(self->cert);
  }
  return grpc::SslCredentials(options);
}

}  // namespace kiln::grpc_plugin
