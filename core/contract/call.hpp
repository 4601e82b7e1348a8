#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/contract/kiln_message.hpp"
#include "core/contract/order_deadline.hpp"

namespace kiln {

/// What is known of an inbound RPC before its first message, whatever the wire.
struct call_info {
  std::string method;  ///< "/google.bytestream.ByteStream/Read"; of HTTP "/kiln.http/GET/cas/0b1c..."
  std::string peer;    ///< "ipv4:127.0.0.1:40312"
  /// Whom the peer's certificate names, where it had to show one that we believe; empty otherwise.
  std::string certificate;
  std::shared_ptr<const call_metadata> metadata;  ///< null is none
  std::optional<steady_time> deadline;

  /// The first value under this name, empty if there is none.
  std::string_view value_of(std::string_view name) const noexcept;
};

/// One inbound RPC. Messages are raw: the wire's framing is gone, the encoding inside is the service's own.
///
/// Thread rules: any thread may call; continuations run on a thread of the transport (or on the caller's) and
/// must not block. One read and one write may be outstanding. After `finish` everything is a no-op. Whoever
/// holds the last reference without having finished it answers INTERNAL, so no client waits for a lost call.
class call {
public:
  using message_in = std::function<void(expected<std::optional<byte_chain>>)>;

  virtual ~call() = default;
  virtual const call_info& info() const noexcept = 0;

  /// The next message; nullopt when the client has said all; an error when it is gone (CANCELLED).
  virtual void read(message_in then) = 0;
  /// What stands in front of the answer: before the first message or the last word, once. A wire takes what
  /// it has a place for: HTTP all of it, and its status code as ":status"; others drop it.
  virtual void set_head(call_metadata fields) { static_cast<void>(fields); }
  /// `then(false)`: the client is gone and nothing more will arrive there.
  virtual void write(byte_chain message, std::function<void(bool)> then) = 0;
  /// The last word. An ok error means success.
  virtual void finish(error status) = 0;
  /// The last message and success in one: the whole answer of a unary call.
  virtual void reply(byte_chain message) = 0;
  /// Once, when the client cancels, vanishes or its deadline passes; at once if that has happened already.
  /// Not called after the call was finished.
  virtual void on_cancel(std::function<void()> then) = 0;
  virtual bool cancelled() const noexcept = 0;
};

using call_ptr = std::shared_ptr<call>;

}  // namespace kiln

KILN_MESSAGE(kiln::call_ptr)
