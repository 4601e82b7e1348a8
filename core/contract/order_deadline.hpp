#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.hpp"

namespace kiln {

/// Lower-case names; values may be binary. A name may come more than once.
using call_metadata = std::vector<std::pair<std::string, std::string>>;

/// When an order's asker stops waiting, and with it what the client said beside its call that caused the
/// order: so both go wherever an order is passed on. A point in time in all other respects.
struct order_deadline : steady_time {
  order_deadline() noexcept : steady_time(steady_time::max()) {}
  order_deadline(steady_time at, std::shared_ptr<const call_metadata> from = {}) noexcept  // NOLINT
      : steady_time(at), client(std::move(from)) {}

  std::shared_ptr<const call_metadata> client;  ///< null where there was none
};

}  // namespace kiln
