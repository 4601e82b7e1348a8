#pragma once

#include <optional>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"

namespace kiln::redis_store {

/// Whether a server is worth asking. It is given time to recover; when it has failed for as long as that and
/// answered nothing in between, who asks is refused at once, until it is heard of again. Plain class.
class circuit_breaker {
public:
  explicit circuit_breaker(duration patience) : patience_(patience) {}

  /// True if this is the first failure after it was well.
  bool failed(steady_time now, const error& why);
  /// True if it was open.
  bool succeeded(steady_time now);
  /// Why nobody is to be asked; nothing while somebody may be.
  std::optional<error> open(steady_time now) const;
  /// What the last failure was; ok if there was none.
  const error& last() const noexcept { return why_; }
  bool is_failing() const noexcept { return since_.has_value(); }
  /// How long until it opens, if nothing is heard.
  duration until_open(steady_time now) const;

private:
  const duration patience_;
  std::optional<steady_time> since_;
  error why_;
};

}  // namespace kiln::redis_store
