#pragma once

#include <algorithm>
#include <optional>

#include "core/base/clock.hpp"
#include "core/base/random.hpp"

namespace kiln {

/// How often and when something is tried again: so often, each time after twice as long, never past the end.
class web_tries {
public:
  web_tries(unsigned retries, duration first_delay, steady_time until)
      : left_(retries), delay_(first_delay), until_(until) {}

  /// How long to wait before the next one, or nothing.
  std::optional<duration> next(steady_time now, random_source& random) {
    if (left_ == 0) return std::nullopt;
    --left_;
    // Half of it at least, and the rest at random, lest all come back at the same moment.
    duration wait = delay_ / 2;
    if (wait.count() > 0) wait += duration(random.next() % static_cast<std::uint64_t>(wait.count()));
    delay_ = std::min<duration>(2 * delay_, std::chrono::seconds(10));
    if (until_ != steady_time::max() && now + wait >= until_) return std::nullopt;
    return wait;
  }

private:
  unsigned left_;
  duration delay_;
  steady_time until_;
};

}  // namespace kiln
