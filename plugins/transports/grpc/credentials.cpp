#include "plugins/transports/grpc/credentials.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace kiln::grpc_plugin {
namespace {

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* thing) const noexcept {
    Free(thing);
  }
};
using bio = std::unique_ptr<BIO, freed_by<BIO_free_all>>;
using certificate = std::unique_ptr<X509, freed_by<X509_free>>;
using private_key = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;

constexpr std::uintmax_t largest_file = 1 << 20;

expected<std::string> read_file(const std::string& path, const char* what) {
  std::error_code fault;
  // A device or a pipe might never end.
  if (std::filesystem::is_other(path, fault) || (std::filesystem::is_regular_file(path, fault) &&
                                                 std::filesystem::file_size(path, fault) > largest_file))
    return fail(errc::invalid_argument, "cannot read the {} {}: it is no file of at most 1 MiB", what, path);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file.is_open()) text << file.rdbuf();
  if (file.is_open() && text.good()) return std::move(text).str();
  int reason = errno;
  return fail(errc::invalid_argument, "cannot read the {} {}: {}", what, path,
              reason != 0 ? std::strerror(reason) : "it is empty");
}

bio reader_of(const std::string& text) {
  return bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

expected<certificate> parse_certificate(const std::string& text, const std::string& path, const char* what) {
  certificate first(PEM_read_bio_X509(reader_of(text).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!first) return fail(errc::invalid_argument, "the {} {} holds no certificate in PEM", what, path);
  return first;
}

struct identity {
  std::string cert;
  std::string key;
};

expected<identity> read_identity(const tls_files& files) {
  auto cert = read_file(files.cert, "certificate");
  if (!cert) return fail(std::move(cert).error());
  auto key = read_file(files.key, "key");
  if (!key) return fail(std::move(key).error());
  auto parsed = parse_certificate(*cert, files.cert, "certificate");
  if (!parsed) return fail(std::move(parsed).error());
  // An empty passphrase instead of a question on the terminal.
  private_key secret(PEM_read_bio_PrivateKey(reader_of(*key).get(), nullptr, nullptr, const_cast<char*>("")));
  bool fits = secret && X509_check_private_key(parsed->get(), secret.get()) == 1;
  ERR_clear_error();
  if (!secret)
    return fail(errc::invalid_argument, "the key {} holds no private key in PEM without a passphrase",
                files.key);
  if (!fits)
    return fail(errc::invalid_argument, "the key {} does not belong to the certificate {}", files.key,
                files.cert);
  return identity{std::move(*cert), std::move(*key)};
}

expected<std::string> read_authorities(const std::string& path) {
  auto text = read_file(path, "authorities");
  if (!text) return text;
  if (auto parsed = parse_certificate(*text, path, "file of authorities"); !parsed)
    return fail(std::move(parsed).error());
  return text;
}

}  // namespace

expected<void> check_files(const tls_files& files) {
  if (!files.cert.empty())
    if (auto self = read_identity(files); !self) return failure(self.error());
  if (!files.ca.empty())
    if (auto authorities = read_authorities(files.ca); !authorities) return failure(authorities.error());
  return {};
}

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
