#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/contract/call.hpp"

namespace kiln {

/// A call that is over, or was refused. Borrowed: valid while it is told.
struct ended_call {
  const call_info& info;
  const error& status;         ///< the last word
  duration took{};             ///< since it was admitted
  std::uint64_t received = 0;  ///< bytes of messages, or of a body
  std::uint64_t sent = 0;      ///< the same
  std::string_view subject;    ///< what `call_hooks::subject` said of it
};

/// What is asked of every call, or told about it, whatever its wire: places for authentication, tracing and
/// the access log. In the order they stand here; on threads of the transports, so nothing here may block.
struct call_hooks {
  /// Before anything else is looked at. May complete what is known of the caller; an error refuses the call
  /// (UNAUTHENTICATED, PERMISSION_DENIED).
  std::vector<std::function<expected<void>(call_info&)>> authenticate;
  /// The call is admitted and about to be handed to its service.
  std::vector<std::function<void(const call_info&)>> began;
  /// What the call is about, out of its first message; kept for those who hear of its end. May be empty.
  std::function<std::string(const call_info&, const byte_chain& first)> subject;
  std::vector<std::function<void(const ended_call&)>> ended;
};

}  // namespace kiln
