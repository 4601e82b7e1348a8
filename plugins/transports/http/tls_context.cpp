#include "plugins/transports/http/tls_context.hpp"

#include <openssl/ssl.h>

namespace kiln::http_plugin {
namespace {

namespace ssl = boost::asio::ssl;

// Whoever offers a choice of protocols is told the one that is spoken here.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  static constexpr unsigned char ours[] = "\x08http/1.1";
  auto found = SSL_select_next_proto(const_cast<unsigned char**>(chosen), size, ours, sizeof ours - 1,
                                     offered, offered_size);
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

expected<void> usable(const boost::system::error_code& fault, const char* what, const std::string& path) {
  if (!fault) return {};
  return fail(errc::invalid_argument, "the {} {} is of no use: {}", what, path, fault.message());
}

}  // namespace

expected<std::unique_ptr<ssl::context>> make_tls_context(const tls_files& files) {
  if (files.cert.empty()) return nullptr;
  auto context = std::make_unique<ssl::context>(ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_alpn_select_cb(context->native_handle(), choose_protocol, nullptr);
  boost::system::error_code fault;
  // An empty passphrase instead of a question on the terminal.
  context->set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string(); },
                                 fault);
  context->use_certificate_chain_file(files.cert, fault);
  if (auto good = usable(fault, "certificate", files.cert); !good) return failure(good.error());
  context->use_private_key_file(files.key, ssl::context::pem, fault);
  if (auto good = usable(fault, "key", files.key); !good) return failure(good.error());
  if (files.ca.empty()) return context;
  context->load_verify_file(files.ca, fault);
  if (auto good = usable(fault, "file of authorities", files.ca); !good) return failure(good.error());
  context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, fault);
  return context;
}

}  // namespace kiln::http_plugin
