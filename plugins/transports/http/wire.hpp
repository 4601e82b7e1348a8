#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/base/bytes.hpp"

namespace boost::asio::ssl {
class context;
}

namespace kiln::http_plugin {

using executor = boost::asio::strand<boost::asio::io_context::executor_type>;
using socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, executor>;
using error_code = boost::system::error_code;

/// The bytes of one connection, in the clear or encrypted. Confined to its executor, where every continuation
/// runs; one read and one write may be under way.
class wire {
public:
  using done = std::function<void(const error_code&, std::size_t)>;

  virtual ~wire() = default;
  /// What comes before the first byte of the protocol: nothing, or the handshake of TLS.
  virtual void begin(std::function<void(const error_code&)> then) = 0;
  virtual void read_some(char* into, std::size_t room, done then) = 0;
  /// All of it. `progress` whenever the peer has made room for some more.
  virtual void write(byte_chain what, std::function<void()> progress, done then) = 0;
  /// Says that nothing more will come.
  virtual void say_goodbye(std::function<void()> then) = 0;
  /// What a peer that is not read from has done.
  enum class word : std::uint8_t { nothing, more, end, gone };
  /// `then` when there may be something to be read, or an end. Does not read it.
  virtual void await_word(std::function<void(word)> then) = 0;
  /// Whatever is under way comes back with an error.
  virtual void cut() noexcept = 0;
  /// Whom the peer's certificate names, if we asked for one.
  virtual std::string certificate() const = 0;
};

/// Null `tls`: in the clear.
std::unique_ptr<wire> make_wire(socket from, boost::asio::ssl::context* tls);

}  // namespace kiln::http_plugin
