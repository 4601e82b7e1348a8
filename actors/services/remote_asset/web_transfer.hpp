#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/services/remote_asset/web_rules.hpp"
#include "core/base/clock.hpp"

namespace kiln {

/// How one transfer behaves, whatever it is of.
struct web_manners {
  std::uint64_t max_size = 0;      ///< bytes of the body
  duration connect_timeout{};      ///< of one connection
  duration stall_timeout{};        ///< without a byte
  unsigned redirects = 0;          ///< that are followed, each held to the rules
  std::string proxy;               ///< a URL; empty for none, whatever the environment says
  std::string certificate_bundle;  ///< whom to trust; empty for the system's
};

struct web_request {
  std::string url;
  /// They go to the URL's own host, never to where that sends us.
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Gets one resource and hands its body to `sink`, piece by piece; an error of the sink's ends it. Blocks:
/// for thread pools. Ends by `deadline` (by `time`), or within a second once `stop` is set.
///
/// NOT_FOUND: there is none. PERMISSION_DENIED: the rules or the other server forbid it. ABORTED: too large,
/// or something that will not get better. UNAVAILABLE: it may. DEADLINE_EXCEEDED: no time is left.
expected<void> transfer(const web_request& request, const web_rules& rules, const web_manners& manners,
                        const clock& time, steady_time deadline, const std::atomic<bool>& stop,
                        const std::function<expected<void>(std::string_view)>& sink);

}  // namespace kiln
