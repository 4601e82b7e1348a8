#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "plugins/stores/redis/redis_options.hpp"

namespace kiln::redis_store {

using wire_socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol,
                                                     boost::asio::io_context::executor_type>;
using wire_fault = boost::system::error_code;

/// The bytes of one connection, in the clear or encrypted. On the thread of the reactor; one read and one
/// write may be under way.
class redis_wire {
public:
  virtual ~redis_wire() = default;
  /// The handshake of TLS, if there is one.
  virtual void begin(std::function<void(const wire_fault&)> then) = 0;
  virtual void read_some(char* into, std::size_t room,
                         std::function<void(const wire_fault&, std::size_t)> then) = 0;
  /// All of it. `progress` whenever the server has taken some.
  virtual void write(byte_chain what, std::function<void()> progress,
                     std::function<void(const wire_fault&)> then) = 0;
  /// Whatever is under way comes back with an error.
  virtual void cut() noexcept = 0;
};

/// What is believed at rediss:// endpoints, and shown there.
expected<std::shared_ptr<boost::asio::ssl::context>> make_redis_tls(const redis_tls_options& options);

/// Null `tls`: in the clear. `name` is what the server's certificate has to bear.
std::unique_ptr<redis_wire> make_redis_wire(wire_socket connected,
                                            const std::shared_ptr<boost::asio::ssl::context>& tls,
                                            const std::string& name);

}  // namespace kiln::redis_store
