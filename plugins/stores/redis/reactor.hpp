#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/clock.hpp"

namespace kiln::redis_store {

/// What the end of the reactor must not leave waiting.
class ends_with_reactor {
public:
  virtual ~ends_with_reactor() = default;
  virtual void end() = 0;
};

/// The one thread on which a store talks with its servers, and the timers of it. All that a connection, a
/// node or a client does happens there, so none of them has a lock.
class reactor : public std::enable_shared_from_this<reactor> {
public:
  using job = std::function<void()>;

  explicit reactor(const clock& time) : time_(time) {}

  /// Any thread. A job that comes after the end is dropped, so what it owes must be owed by what it holds.
  void post(job next);
  /// The thread's body: returns after `end`.
  void run();
  /// Any thread, once: runs `last` there, then what is left to run, and nothing more.
  void end(job last);

  // On the thread of the reactor.
  /// Is ended with it, if it is there by then.
  void enroll(std::weak_ptr<ends_with_reactor> one);
  boost::asio::io_context& io() noexcept { return io_; }
  steady_time now() const noexcept { return time_.now(); }

private:
  const clock& time_;
  boost::asio::io_context io_{1};
  std::vector<std::weak_ptr<ends_with_reactor>> enrolled_;
  std::size_t look_through_at_ = 64;
  std::mutex mutex_;
  bool ended_ = false;
};

/// Something that happens later, unless it is called off. On the thread of the reactor.
class alarm {
public:
  explicit alarm(reactor& of) : timer_(of.io()) {}
  ~alarm() { call_off(); }
  alarm(const alarm&) = delete;
  alarm& operator=(const alarm&) = delete;

  /// In place of what was set before. `then` must not keep the alarm's owner alive for ever: it is dropped
  /// when it has run or is called off.
  void set(duration delay, reactor::job then);
  void call_off() noexcept;

private:
  boost::asio::steady_timer timer_;
  std::shared_ptr<reactor::job> then_;
};

}  // namespace kiln::redis_store
