#pragma once

#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
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
class way : public std::enable_shared_from_this<way<T, Actor, Then>> {
public:
  way(Actor actor, Then then) : actor_(std::move(actor)), then_(std::move(then)) {}
  ~way() {
    if (gone_) return;
    try {
      auto then = std::make_shared<Then>(std::move(*then_));
      caf::anon_send(actor_, resume{[then] {
                       (*then)(expected<T>(fail(errc::unavailable, "the answer was dropped")));
                     }});
    } catch (...) {  // NOLINT: what `then` holds is dropped, which answers
    }
  }
  way(const way&) = delete;
  way& operator=(const way&) = delete;

  void go(expected<T> value) {
    if (std::exchange(gone_, true)) return;
    value_.emplace(std::move(value));
    caf::anon_send(actor_, resume{[self = this->shared_from_this()] { self->arrive(); }});
  }
  void call_off() noexcept {
    gone_ = true;
    then_.reset();
  }

private:
  // Whoever went it may hold on to it: what `then` holds is dropped in the actor all the same.
  void arrive() {
    Then then = std::move(*then_);
    then_.reset();
    then(std::move(*value_));
  }

  const Actor actor_;
  std::optional<Then> then_;
  std::optional<expected<T>> value_;
  bool gone_ = false;
};

/// What `come_home` returns. Copies are the same way.
template <class T, class Actor, class Then>
class start {
public:
  start(Actor actor, Then then)
      : way_(std::make_shared<way<T, Actor, Then>>(std::move(actor), std::move(then))) {}

  void operator()(expected<T> value) const { way_->go(std::move(value)); }
  /// Nobody comes, and `then` hears nothing: for who gave the way to somebody that did not take it.
  void call_off() const noexcept { way_->call_off(); }

private:
  std::shared_ptr<way<T, Actor, Then>> way_;
};

}  // namespace coming_home

/// What may be called on any thread, once, and then has `then(expected<T>)` run in `actor`, never before this
/// returns. If it is dropped instead, `then` hears UNAVAILABLE. If the actor is gone by then, all is dropped.
template <class T, class Actor, class Then>
auto come_home(Actor actor, Then then) {
  return coming_home::start<T, Actor, Then>(std::move(actor), std::move(then));
}

/// The same for news, which may come any number of times, or never: `then(T)` runs in `actor` for each. Who
/// holds it does not keep the actor alive.
template <class T, class Actor, class Then>
auto tell_home(const Actor& actor, Then then) {
  return [to = caf::actor_cast<caf::weak_actor_ptr>(actor), then = std::move(then)](T news) {
    if (auto alive = caf::actor_cast<Actor>(to.lock()))
      caf::anon_send(alive, resume{[then, news = std::move(news)]() mutable { then(std::move(news)); }});
  };
}

namespace coming_home {

template <class Work, class Home>
expected<void> post(thread_pool& pool, Work work, Home home) {
  return caught([&] {
    return pool.post([work = std::optional<Work>(std::move(work)), home = std::move(home)]() mutable {
      auto outcome = caught(*work);
      // Whoever hears of the end may count on it: an input that nobody holds is looked at anew.
      work.reset();
      home(std::move(outcome));
    });
  });
}

}  // namespace coming_home

/// `work()` runs on the thread pool and returns an expected<T>; `then(expected<T>)` runs in `actor`, and
/// never before this returns. An exception becomes an error (thread_pool.hpp); a full thread pool is
/// RESOURCE_EXHAUSTED. What `work` holds is dropped before `then` can run.
template <class Actor, class Work, class Then>
void offload(const Actor& actor, thread_pool& pool, Work work, Then then) {
  using result = std::invoke_result_t<Work&>;
  auto home = come_home<typename result::value_type>(actor, std::move(then));
  if (auto posted = coming_home::post(pool, std::move(work), home); !posted)
    home(failure(std::move(posted).error()));
}

/// The same, but what the thread pool does not take is told here, and not to `then`.
template <class Actor, class Work, class Then>
expected<void> try_offload(const Actor& actor, thread_pool& pool, Work work, Then then) {
  using result = std::invoke_result_t<Work&>;
  auto home = come_home<typename result::value_type>(actor, std::move(then));
  auto posted = coming_home::post(pool, std::move(work), home);
  if (!posted) home.call_off();
  return posted;
}

}  // namespace kiln

KILN_MESSAGE(kiln::resume)
