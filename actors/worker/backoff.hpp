#pragma once

#include <algorithm>
#include <chrono>

#include "core/base/clock.hpp"
#include "core/base/random.hpp"

namespace kiln {

/// How long to wait before the next try: twice as long each time, and never as long as the others, so that a
/// scheduler that comes back is not run over by all of its workers at once.
class backoff {
public:
  duration next(random_source& random) {
    auto longest = std::min<duration>(first * (std::int64_t{1} << std::min(tries_, 10)), most);
    ++tries_;
    auto half = longest.count() / 2;
    return duration(half + static_cast<std::int64_t>(random.next() % static_cast<std::uint64_t>(half + 1)));
  }
  void reset() noexcept { tries_ = 0; }

private:
  static constexpr duration first = std::chrono::milliseconds(250);
  static constexpr duration most = std::chrono::seconds(10);
  int tries_ = 0;
};

}  // namespace kiln
