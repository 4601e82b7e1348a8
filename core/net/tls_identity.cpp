#include "core/net/tls_identity.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

namespace kiln {
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

}  // namespace

schema<tls_files> server_tls_schema() {
  return schema<tls_files>{"The server's identity. Without a certificate it speaks in the clear."}
      .field("cert", &tls_files::cert, "PEM file with the server's certificate and those above it.")
      .field("key", &tls_files::key, "PEM file with the certificate's private key.")
      .field("client_ca", &tls_files::ca,
             "PEM file with authorities. Given, every client must show a certificate signed by one of them.")
      .check([](const tls_files& files) -> expected<void> {
        if (!files.ca.empty() && files.cert.empty())
          return fail(errc::invalid_argument, "client_ca asks for cert and key");
        return check_tls_files(files);
      });
}

expected<tls_identity> read_identity(const tls_files& files) {
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
  return tls_identity{std::move(*cert), std::move(*key)};
}

expected<std::string> read_authorities(const std::string& path) {
  auto text = read_file(path, "authorities");
  if (!text) return text;
  if (auto parsed = parse_certificate(*text, path, "file of authorities"); !parsed)
    return fail(std::move(parsed).error());
  return text;
}

expected<void> check_tls_files(const tls_files& files) {
  if (files.cert.empty() != files.key.empty())
    return fail(errc::invalid_argument, "cert and key go together: one is given without the other");
  if (!files.cert.empty())
    if (auto self = read_identity(files); !self) return failure(self.error());
  if (!files.ca.empty())
    if (auto authorities = read_authorities(files.ca); !authorities) return failure(authorities.error());
  return {};
}

}  // namespace kiln
