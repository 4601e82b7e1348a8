#include "plugins/stores/redis/circuit_breaker.hpp"

#include <algorithm>
#include <utility>

#include "core/wire/status.hpp"

namespace kiln::redis_store {

bool circuit_breaker::failed(steady_time now, const error& why) {
  why_ = why;
  if (since_) return false;
  since_ = now;
  return true;
}

bool circuit_breaker::succeeded(steady_time now) {
  const bool was_open = open(now).has_value();
  since_.reset();
  return was_open;
}

std::optional<error> circuit_breaker::open(steady_time now) const {
  if (!since_ || now - *since_ < patience_) return std::nullopt;
  // Whoever has to change something is not told to wait.
  if (why_.code() == errc::failed_precondition) return why_;
  return try_again(errc::unavailable,
                   fmt::format("the server has not answered for a while; last: {}", why_.message()));
}

duration circuit_breaker::until_open(steady_time now) const {
  return since_ ? std::max(duration(*since_ + patience_ - now), duration(0)) : patience_;
}

}  // namespace kiln::redis_store
