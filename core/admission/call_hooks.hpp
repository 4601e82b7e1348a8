#pragma once

#include <functional>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/contract/call.hpp"

namespace kiln {

/// What is asked of every call, or told about it, whatever its wire: places for authentication, tracing and
/// the access log. In the order they stand here; on threads of the transports, so nothing here may block.
struct call_hooks {
  /// Before anything else is looked at. May complete what is known of the caller; an error refuses the call
  /// (UNAUTHENTICATED, PERMISSION_DENIED).
  std::vector<std::function<expected<void>(call_info&)>> authenticate;
  /// The call is admitted and about to be handed to its service.
  std::vector<std::function<void(const call_info&)>> began;
  /// It is over, or was refused, with this last word, so long after it was admitted.
  std::vector<std::function<void(const call_info&, const error&, duration)>> ended;
};

}  // namespace kiln
