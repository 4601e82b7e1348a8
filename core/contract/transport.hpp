#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
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
  std::vector<std::pair<std::string, std::string>> metadata;
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

/// A transport plugin's instance. `serve` opens the door; `stop` closes it in two steps.
class transport {
public:
  virtual ~transport() = default;
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
};

}  // namespace kiln
