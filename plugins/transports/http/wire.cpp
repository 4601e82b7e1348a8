#include "plugins/transports/http/wire.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <memory>
#include <vector>

namespace kiln::http_plugin {
namespace {

namespace asio = boost::asio;

std::vector<asio::const_buffer> buffers_of(const byte_chain& what) {
  std::vector<asio::const_buffer> all;
  all.reserve(what.pieces().size());
  for (const auto& piece : what.pieces()) all.emplace_back(piece.data(), piece.size());
  return all;
}

template <class Stream>
void write_all(Stream& to, byte_chain what, std::function<void()> progress, wire::done then) {
  auto kept = std::make_shared<const byte_chain>(std::move(what));
  auto more = [progress = std::move(progress)](const error_code& fault, std::size_t written) -> std::size_t {
    if (fault) return 0;
    if (written > 0) progress();
    return 256 << 10;
  };
  asio::async_write(
      to, buffers_of(*kept), std::move(more),
      [kept, then = std::move(then)](const error_code& fault, std::size_t size) { then(fault, size); });
}

wire::word word_of(int descriptor) {
  char first = 0;
  auto got = ::recv(descriptor, &first, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got == 0) return wire::word::end;
  if (got > 0) return wire::word::more;
  return errno == EAGAIN || errno == EINTR ? wire::word::nothing : wire::word::gone;
}

void await_word_on(socket& from, std::function<void(wire::word)> then) {
  from.async_wait(socket::wait_read, [&from, then = std::move(then)](const error_code& fault) {
    then(fault || !from.is_open() ? wire::word::gone : word_of(from.native_handle()));
  });
}

class plain_wire final : public wire {
public:
  explicit plain_wire(socket from) : socket_(std::move(from)) {}
  void begin(std::function<void(const error_code&)> then) override { then({}); }
  void read_some(char* into, std::size_t room, done then) override {
    socket_.async_read_some(asio::buffer(into, room), std::move(then));
  }
  void write(byte_chain what, std::function<void()> progress, done then) override {
    write_all(socket_, std::move(what), std::move(progress), std::move(then));
  }
  void say_goodbye(std::function<void()> then) override {
    error_code ignored;
    socket_.shutdown(socket::shutdown_send, ignored);
    then();
  }
  void await_word(std::function<void(word)> then) override { await_word_on(socket_, std::move(then)); }
  void cut() noexcept override {
    error_code ignored;
    socket_.close(ignored);
  }
  std::string certificate() const override { return {}; }

private:
  socket socket_;
};

class tls_wire final : public wire {
public:
  tls_wire(socket from, asio::ssl::context& tls) : stream_(std::move(from), tls) {}
  void begin(std::function<void(const error_code&)> then) override {
    stream_.async_handshake(asio::ssl::stream_base::server, std::move(then));
  }
  void read_some(char* into, std::size_t room, done then) override {
    stream_.async_read_some(asio::buffer(into, room), std::move(then));
  }
  void write(byte_chain what, std::function<void()> progress, done then) override {
    write_all(stream_, std::move(what), std::move(progress), std::move(then));
  }
  void say_goodbye(std::function<void()> then) override {
    stream_.async_shutdown([this, then = std::move(then)](const error_code&) {
      error_code ignored;
      stream_.next_layer().shutdown(socket::shutdown_send, ignored);
      then();
    });
  }
  void await_word(std::function<void(word)> then) override {
    await_word_on(stream_.next_layer(), std::move(then));
  }
  void cut() noexcept override {
    error_code ignored;
    stream_.next_layer().close(ignored);
  }
  std::string certificate() const override {
    auto* handle = const_cast<asio::ssl::stream<socket>&>(stream_).native_handle();
    std::unique_ptr<X509, void (*)(X509*)> shown(SSL_get1_peer_certificate(handle), X509_free);
    if (!shown) return {};
    std::array<char, 256> name{};
    int size = X509_NAME_get_text_by_NID(X509_get_subject_name(shown.get()), NID_commonName, name.data(),
                                         static_cast<int>(name.size()));
    return size > 0 ? std::string(name.data(), static_cast<std::size_t>(size)) : std::string();
  }

private:
  asio::ssl::stream<socket> stream_;
};

}  // namespace

std::unique_ptr<wire> make_wire(socket from, asio::ssl::context* tls) {
  // Answers are written whole: nothing is gained by waiting for more. (No such option on unix sockets.)
  int yes = 1;
  ::setsockopt(from.native_handle(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (tls == nullptr) return std::make_unique<plain_wire>(std::move(from));
  return std::make_unique<tls_wire>(std::move(from), *tls);
}

}  // namespace kiln::http_plugin
