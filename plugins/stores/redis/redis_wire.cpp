#include "plugins/stores/redis/redis_wire.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace kiln::redis_store {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;

constexpr std::size_t written_at_once = 256 << 10;

template <class Stream>
void write_to(Stream& stream, byte_chain what, std::function<void()> progress,
              std::function<void(const wire_fault&)> then) {
  auto kept = std::make_shared<const byte_chain>(std::move(what));
  std::vector<asio::const_buffer> pieces;
  pieces.reserve(kept->pieces().size());
  for (const auto& piece : kept->pieces()) pieces.emplace_back(piece.data(), piece.size());
  auto go_on = [progress = std::move(progress)](const wire_fault& fault, std::size_t written) -> std::size_t {
    if (fault) return 0;
    if (written > 0) progress();
    return written_at_once;
  };
  asio::async_write(stream, std::move(pieces), std::move(go_on),
                    [kept, then = std::move(then)](const wire_fault& fault, std::size_t) { then(fault); });
}

class clear_wire final : public redis_wire {
public:
  explicit clear_wire(wire_socket connected) : socket_(std::move(connected)) {}
  void begin(std::function<void(const wire_fault&)> then) override { then({}); }
  void read_some(char* into, std::size_t room,
                 std::function<void(const wire_fault&, std::size_t)> then) override {
    socket_.async_read_some(asio::buffer(into, room), std::move(then));
  }
  void write(byte_chain what, std::function<void()> progress,
             std::function<void(const wire_fault&)> then) override {
    write_to(socket_, std::move(what), std::move(progress), std::move(then));
  }
  void cut() noexcept override {
    wire_fault ignored;
    socket_.close(ignored);
  }

private:
  wire_socket socket_;
};

class encrypted_wire final : public redis_wire {
public:
  encrypted_wire(wire_socket connected, std::shared_ptr<ssl::context> tls, const std::string& name)
      : tls_(std::move(tls)), stream_(std::move(connected), *tls_) {
    wire_fault no_address;
    asio::ip::make_address(name, no_address);
    if (no_address) SSL_set_tlsext_host_name(stream_.native_handle(), name.c_str());
    stream_.set_verify_mode(ssl::verify_peer);
    stream_.set_verify_callback(ssl::host_name_verification(name));
  }
  void begin(std::function<void(const wire_fault&)> then) override {
    stream_.async_handshake(ssl::stream_base::client, std::move(then));
  }
  void read_some(char* into, std::size_t room,
                 std::function<void(const wire_fault&, std::size_t)> then) override {
    stream_.async_read_some(asio::buffer(into, room), std::move(then));
  }
  void write(byte_chain what, std::function<void()> progress,
             std::function<void(const wire_fault&)> then) override {
    write_to(stream_, std::move(what), std::move(progress), std::move(then));
  }
  void cut() noexcept override {
    wire_fault ignored;
    stream_.next_layer().close(ignored);
  }

private:
  const std::shared_ptr<ssl::context> tls_;
  ssl::stream<wire_socket> stream_;
};

failure of_no_use(const char* what, const std::string& path, const wire_fault& fault) {
  return fail(errc::invalid_argument, "the {} {} is of no use: {}", what, path, fault.message());
}

}  // namespace

expected<std::shared_ptr<ssl::context>> make_redis_tls(const redis_tls_options& options) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  wire_fault fault;
  if (options.ca.empty())
    context->set_default_verify_paths(fault);
  else
    context->load_verify_file(options.ca, fault);
  if (fault) return of_no_use("file of authorities", options.ca, fault);
  if (options.cert.empty()) return context;
  // An empty passphrase instead of a question on the terminal.
  context->set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string(); },
                                 fault);
  context->use_certificate_chain_file(options.cert, fault);
  if (fault) return of_no_use("certificate", options.cert, fault);
  context->use_private_key_file(options.key, ssl::context::pem, fault);
  if (fault) return of_no_use("key", options.key, fault);
  return context;
}

std::unique_ptr<redis_wire> make_redis_wire(wire_socket connected, const std::shared_ptr<ssl::context>& tls,
                                            const std::string& name) {
  // Commands are written whole: nothing is gained by waiting for more. (No such options on unix sockets.)
  int yes = 1;
  ::setsockopt(connected.native_handle(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  ::setsockopt(connected.native_handle(), SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
  if (!tls) return std::make_unique<clear_wire>(std::move(connected));
  return std::make_unique<encrypted_wire>(std::move(connected), tls, name);
}

}  // namespace kiln::redis_store
