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

/// The one way from other threads into an actor: what a job of a thread pool, a source or another library
/// found out is gone on with there.
namespace kiln {

/// Runs in the actor that it is sent to, which has a handler for it: `resuming()`.
struct resume {
  std::function<void()> then;
};

/// The handler. What `then` throws ends that, and not the actor: what it held is dropped, which answers.
inline auto resuming() {
  return [](resume& next) {
    try {
      next.then();
    } catch (...) {  // NOLINT: whoever waited has been answered
    }
    next.then = nullptr;
  };
}

namespace coming_home {

/// Owes `then` its value, and gives it an error if everybody drops it instead.
template <class T, class Actor, class Then>
class way {
public:
  way(Actor actor, Then then) : actor_(std::move(actor)), then_(std::make_shared<Then>(std::move(then))) {}
  ~way() {
    if (!then_) return;
    try {
      go(fail(errc::unavailable, "the answer was dropped"));
    } catch (...) {  // NOLINT: what `then` holds is dropped, which answers
    }
  }
  way(const way&) = delete;
  way& operator=(const way&) = delete;

  void go(expected<T> value) {
    auto then = std::exchange(then_, nullptr);
    if (!then) return;
    auto carried = std::make_shared<expected<T>>(std::move(value));
    caf::anon_send(actor_, resume{[then = std::move(then), carried] { (*then)(std::move(*carried)); }});
  }

private:
  const Actor actor_;
  std::shared_ptr<Then> then_;
};

}  // namespace coming_home

/// What may be called on any thread, once, and then has `then(expected<T>)` run in `actor`, never before this
/// returns. If it is dropped instead, `then` hears UNAVAILABLE. If the actor is gone by then, all is dropped.
template <class T, class Actor, class Then>
std::function<void(expected<T>)> come_home(Actor actor, Then then) {
  using way = coming_home::way<T, Actor, Then>;
  return [home = std::make_shared<way>(std::move(actor), std::move(then))](expected<T> value) {
    home->go(std::move(value));
  };
}

/// `work()` runs on the thread pool and returns an expected<T>; `then(expected<T>)` runs in `actor`, and
/// never before this returns. An exception becomes an error (thread_pool.hpp); a full thread pool is
/// RESOURCE_EXHAUSTED. What `work` holds is dropped before `then` can run.
template <class Actor, class Work, class Then>
void offload(const Actor& actor, thread_pool& pool, Work work, Then then) {
  using result = std::invoke_result_t<Work&>;
  auto home = come_home<typename result::value_type>(actor, std::move(then));
  auto posted = pool.post([work = std::optional<Work>(std::move(work)), home]() mutable {
    auto outcome = caught(*work);
    // Whoever hears of the end may count on it: an input that nobody holds is looked at anew.
    work.reset();
    home(std::move(outcome));
  });
  if (!posted) home(failure(std::move(posted).error()));
}

}  // namespace kiln

KILN_MESSAGE(kiln::resume)
