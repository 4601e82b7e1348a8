#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "actors/worker/inputs/input_cache.hpp"

namespace kiln {

/// One actor's wish, being gathered.
struct borrowing {
  explicit borrowing(answer<borrowed_inputs> to, std::size_t count) : reply(std::move(to)), left(count) {
    result.inputs.resize(count);
  }
  answer<borrowed_inputs> reply;
  borrowed_inputs result;
  std::size_t left;
};

/// One blob on its way, for all who wait for it.
struct flight {
  struct waiter {
    std::shared_ptr<borrowing> wish;
    std::size_t index;
  };
  wanted_input which;
  std::vector<waiter> waiters;
  bool again = false;    ///< an action had it in hand meanwhile: it is looked at once more
  bool fetched = false;  ///< into the cache: what it does not lend now, it will not lend
};
using flight_ptr = std::shared_ptr<flight>;

}  // namespace kiln
