#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/contract/call.hpp"
#include "core/contract/router.hpp"

namespace kiln {

/// One outbound RPC. Same thread rules as `call`. Dropping the last reference cancels what has not ended, so
/// a continuation that waits for an answer holds one.
class outbound_call {
public:
  virtual ~outbound_call() = default;
  /// One write may be outstanding. `then(false)`: the call is over, its status comes through `read`.
  virtual void write(byte_chain message, std::function<void(bool)> then) = 0;
  /// Nothing more will be written.
  virtual void writes_done() = 0;
  /// The next message; nullopt after the last one of a call that ended well; an error for one that did not.
  virtual void read(std::function<void(expected<std::optional<byte_chain>>)> then) = 0;
  virtual void cancel() = 0;
};

struct outbound_request {
  std::string method;  ///< "/google.bytestream.ByteStream/Read"
  call_metadata metadata;
  std::optional<duration> timeout;
};

/// A way out to one endpoint: connections made when needed, kept, and made again. Any thread.
class channel {
public:
  virtual ~channel() = default;
  virtual std::shared_ptr<outbound_call> start(outbound_request request) = 0;
  /// One message there, one back.
  void ask(outbound_request request, byte_chain message, std::function<void(expected<byte_chain>)> then);
};

/// What protects the calls that come in.
enum class protection : std::uint8_t {
  none,
  encrypted,   ///< nobody on the way reads them
  identified,  ///< ... and every client shows a certificate
};

/// How well a transport suits an endpoint.
enum class dial_fit : std::uint8_t {
  possible,  ///< it can dial it
  made_for,  ///< ... and has been given an identity or authorities for such endpoints
};

/// Files with PEM text, by which one is known to others and knows them. Empty names mean "none".
struct tls_files {
  std::string cert;
  std::string key;
  std::string ca;
};

/// Whoever goes on with connections that another has accepted.
class connection_taker {
public:
  virtual ~connection_taker() = default;
  /// A connected socket of which nothing was read so far. It belongs to the taker, who closes it even if
  /// nothing can be done with it. Any thread; must not block.
  virtual void take(int descriptor) = 0;
};

/// A transport plugin's instance. `serve` opens the door; `drain` and the destructor close it.
class transport {
public:
  virtual ~transport() = default;
  /// What clients write in front of its addresses: "grpc", "http".
  virtual std::string_view scheme() const noexcept { return "grpc"; }
  /// Listens and answers from now on. The router outlives the transport. An address that is taken is
  /// UNAVAILABLE and named. Empty address lists are for transports that only dial.
  virtual expected<void> serve(const router& routes) = 0;
  /// The addresses in use, with the port that the system chose for port 0.
  virtual std::vector<std::string> addresses() const = 0;
  virtual protection protects() const noexcept = 0;
  /// No new connections and calls (clients get GOAWAY); running calls go on. Returns at once; `drained` is
  /// called once when the last call has ended or `patience` is over, and the rest was cancelled.
  virtual void drain(duration patience, std::function<void()> drained) = 0;
  /// Whether `dial` can do anything with this endpoint; INVALID_ARGUMENT says why not.
  virtual expected<dial_fit> suits(const std::string& endpoint) const = 0;
  virtual std::shared_ptr<channel> dial(const std::string& endpoint) = 0;

  /// One port for two protocols: the name of the transport at whose addresses this one is spoken, too; empty
  /// where it has addresses of its own. That one is its host: the host accepts every connection, looks at the
  /// first bytes, and leaves to its guest what it does not speak itself. All of it before `serve`.
  virtual std::string beside() const { return {}; }
  /// Of a guest. `identity` is its host's, for what is encrypted there.
  virtual expected<std::shared_ptr<connection_taker>> be_guest(const tls_files& identity) {
    static_cast<void>(identity);
    return fail(errc::invalid_argument, "it shares no port");
  }
  /// Of a host. At most one guest.
  virtual expected<void> be_host(transport& guest) {
    static_cast<void>(guest);
    return fail(errc::invalid_argument, "its port cannot be shared");
  }
};

}  // namespace kiln
