#include "test/harness/certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <atomic>
#include <cstdio>
#include <stdexcept>

namespace kiln::test {
namespace {

struct key_and_cert {
  EVP_PKEY* key = nullptr;
  X509* cert = nullptr;
};

void add_extension(X509* cert, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

// Signed by `issuer`, or by itself if there is none.
key_and_cert make(const std::string& name, const key_and_cert* issuer, long serial) {
  key_and_cert made;
  made.key = EVP_EC_gen("P-256");
  made.cert = X509_new();
  X509_set_version(made.cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.cert), serial);
  X509_gmtime_adj(X509_getm_notBefore(made.cert), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made.cert), 86400);
  X509_set_pubkey(made.cert, made.key);
  auto text = reinterpret_cast<const unsigned char*>(name.c_str());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.cert), "CN", MBSTRING_ASC, text, -1, -1, 0);
  X509* signer = issuer != nullptr ? issuer->cert : made.cert;
  X509_set_issuer_name(made.cert, X509_get_subject_name(signer));
  if (issuer == nullptr)
    add_extension(made.cert, signer, NID_basic_constraints, "critical,CA:TRUE");
  else
    add_extension(made.cert, signer, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
  X509_sign(made.cert, issuer != nullptr ? issuer->key : made.key, EVP_sha256());
  return made;
}

template <class Write>
void write_file(const std::string& path, Write write) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) throw std::runtime_error("cannot write " + path);
  write(file);
  std::fclose(file);
}

void drop(const key_and_cert& made) {
  X509_free(made.cert);
  EVP_PKEY_free(made.key);
}

}  // namespace

// No two authorities of one process have one name: of a certificate by another authority of the same name,
// OpenSSL may say that its signature cannot be read, and not that it is not to be trusted.
struct certificates::maker {
  static std::string fresh_name() {
    static std::atomic<unsigned> last{0};
    return "kiln test authority " + std::to_string(++last);
  }
  key_and_cert authority = make(fresh_name(), nullptr, 1);
  long serial = 1;
  ~maker() { drop(authority); }
};

certificates::certificates() : maker_(std::make_unique<maker>()) {
  std::string pattern = (std::filesystem::temp_directory_path() / "kiln-XXXXXX").string();
  folder_ = ::mkdtemp(pattern.data());
  write_file(authority(), [this](std::FILE* file) { PEM_write_X509(file, maker_->authority.cert); });
}

certificates::~certificates() {
  std::filesystem::remove_all(folder_);
}

void certificates::issue(const std::string& name) {
  key_and_cert made = make(name, &maker_->authority, ++maker_->serial);
  write_file(cert(name), [&](std::FILE* file) { PEM_write_X509(file, made.cert); });
  write_file(key(name), [&](std::FILE* file) {
    PEM_write_PrivateKey(file, made.key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  drop(made);
}

}  // namespace kiln::test
