#pragma once

#include <caf/send.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/base/error.hpp"
#include "core/base/thread_pool.hpp"
#include "core/contract/kiln_message.hpp"

/// How an actor has work done that it has no time for, and goes on with the result.
namespace kiln {

/// Runs in the actor that it is sent to, which has a handler for it: [](resume& next) { next.then(); }
struct resume {
  std::function<void()> then;
};

/// `work()` runs on the thread pool and returns an expected<T>; `then(expected<T>)` runs in `actor`, and
/// never before this returns. An exception becomes an error (thread pool.hpp), a thread pool that is full
/// RESOURCE_EXHAUSTED. If the actor is gone by then, the result is dropped. What `work` holds is dropped
/// before `then` can run.
template <class Actor, class Work, class Then>
void offload(const Actor& actor, thread_pool& pool, Work work, Then then) {
  using result = std::invoke_result_t<Work>;
  auto come_back = [actor, then = std::move(then)](result value) mutable {
    auto carried = std::make_shared<result>(std::move(value));
    caf::anon_send(actor, resume{[carried, then = std::move(then)]() mutable { then(std::move(*carried)); }});
  };
  auto posted = pool.post([work = std::optional<Work>(std::move(work)), come_back]() mutable {
    auto outcome = [&]() -> result {
      try {
        return (*work)();
      } catch (...) {
        return failure(current_fault());
      }
    }();
    // Whoever hears of the end may count on it: an input that nobody holds is looked at anew.
    work.reset();
    come_back(std::move(outcome));
  });
  if (!posted) come_back(failure(std::move(posted).error()));
}

}  // namespace kiln

KILN_MESSAGE(kiln::resume)
