#include "test/harness/tls_relay.hpp"

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <thread>

namespace kiln::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// One connection: two that hand on what the other says. It lives for as long as one of them has something to
// do.
struct relayed : std::enable_shared_from_this<relayed> {
  relayed(tcp::socket from, asio::ssl::context& with, std::atomic<std::uint64_t>& count)
      : outer(std::move(from), with), inner(outer.get_executor()), secured(count) {}

  void begin(const tcp::endpoint& to) {
    outer.async_handshake(asio::ssl::stream_base::server, [self = shared_from_this(), to](error_code why) {
      if (why) return;
      ++self->secured;
      self->inner.async_connect(to, [self](error_code failed) {
        if (failed) return;
        hand_on(self, self->outer, self->inner, self->up);
        hand_on(self, self->inner, self->outer, self->down);
      });
    });
  }

  using buffer = std::array<char, 16 << 10>;
  template <class From, class To>
  static void hand_on(const std::shared_ptr<relayed>& self, From& from, To& to, buffer& by) {
    from.async_read_some(asio::buffer(by), [self, &from, &to, &by](error_code why, std::size_t got) {
      if (why) return self->close();
      asio::async_write(to, asio::buffer(by, got), [self, &from, &to, &by](error_code failed, std::size_t) {
        if (failed) return self->close();
        hand_on(self, from, to, by);
      });
    });
  }
  void close() {
    error_code ignored;
    inner.close(ignored);
    outer.lowest_layer().close(ignored);
  }

  asio::ssl::stream<tcp::socket> outer;
  tcp::socket inner;
  std::atomic<std::uint64_t>& secured;
  buffer up{}, down{};
};

}  // namespace

struct tls_relay::relaying {
  relaying(const std::string& certificate, const std::string& key, int to)
      : context(asio::ssl::context::tls_server),
        acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        target(asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(to)) {
    context.use_certificate_chain_file(certificate);
    context.use_private_key_file(key, asio::ssl::context::pem);
    accept();
    thread = std::thread([this] { io.run(); });
  }
  ~relaying() {
    io.stop();
    thread.join();
  }
  void accept() {
    acceptor.async_accept([this](error_code why, tcp::socket from) {
      if (!why) std::make_shared<relayed>(std::move(from), context, secured)->begin(target);
      accept();
    });
  }

  std::atomic<std::uint64_t> secured{0};
  asio::ssl::context context;
  asio::io_context io;
  tcp::acceptor acceptor;
  const tcp::endpoint target;
  std::thread thread;
};

tls_relay::tls_relay(const std::string& certificate, const std::string& key, int to)
    : work_(std::make_unique<relaying>(certificate, key, to)) {
  port_ = work_->acceptor.local_endpoint().port();
}

tls_relay::~tls_relay() = default;

std::uint64_t tls_relay::secured() const noexcept {
  return work_->secured.load();
}

}  // namespace kiln::test
