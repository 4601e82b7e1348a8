#pragma once

#include <caf/error.hpp>
#include <utility>

#include "core/base/thread_pool.hpp"
#include "core/contract/actor.hpp"

/// Exceptions in continuations and handlers, bad_alloc for instance. CAF ends an actor that throws, and the
/// guardian then ends the process: one call would end all others.
namespace kiln {
namespace hearing {

/// What is being thrown is told to `bad`. If not even that can be said, what `bad` holds is dropped, which
/// answers it.
template <class Bad>
void tell_thrown(Bad& bad) noexcept {
  try {
    bad(to_caf(current_fault()));
  } catch (...) {  // NOLINT: nobody is left to hear it
  }
}

template <class Good, class Bad, class... Words>
auto with_fallback(Good good, Bad bad, void (Good::* /*shape*/)(Words...)) {
  return [good = std::move(good), bad = std::move(bad)](Words... words) mutable {
    try {
      good(std::forward<Words>(words)...);
    } catch (...) {
      tell_thrown(bad);
    }
  };
}
template <class Good, class Bad, class... Words>
auto with_fallback(Good good, Bad bad, void (Good::* /*shape*/)(Words...) const) {
  return [good = std::move(good), bad = std::move(bad)](Words... words) mutable {
    try {
      good(std::forward<Words>(words)...);
    } catch (...) {
      tell_thrown(bad);
    }
  };
}

}  // namespace hearing

/// `asked.then(good, bad)` for what `self->request(...)` returns, but the actor outlives what they throw:
/// what `good` throws is told to `bad` as an error (RESOURCE_EXHAUSTED for memory), and what `bad` throws to
/// nobody. So `bad` may run after a part of `good`. Arguments are evaluated in any order: nothing that is
/// given to `asked` may be moved into `good`.
template <class Asked, class Good, class Bad>
void on_response(Asked asked, Good good, Bad bad) {
  auto nobody = [](const caf::error&) {};
  auto heard = hearing::with_fallback(std::move(good), bad, &Good::operator());
  asked.then(std::move(heard), hearing::with_fallback(std::move(bad), nobody, &Bad::operator()));
}

/// A handler of one-way messages: an exception ends the handler and nothing else.
template <class Handler>
auto nothrow_handler(Handler handler) {
  auto nobody = [](const caf::error&) {};
  return hearing::with_fallback(std::move(handler), nobody, &Handler::operator());
}

}  // namespace kiln
