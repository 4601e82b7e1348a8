#include "plugins/stores/redis/reactor.hpp"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <utility>

namespace kiln::redis_store {

namespace asio = boost::asio;

namespace {

// What a job throws, for want of memory, ends that job: what it held is dropped, which answers.
template <class Body>
void until_done(Body body) {
  for (bool done = false; !done;) try {
      body();
      done = true;
    } catch (...) {  // NOLINT: whoever waited has been answered
    }
}

}  // namespace

void reactor::post(job next) {
  std::lock_guard lock(mutex_);
  if (!ended_) asio::post(io_, std::move(next));
}

void reactor::run() {
  auto busy = asio::make_work_guard(io_);
  until_done([this] { io_.run(); });
  // What was posted before the end, and what the end has aborted.
  io_.restart();
  until_done([this] { io_.poll(); });
}

void reactor::enroll(std::weak_ptr<ends_with_reactor> one) {
  if (enrolled_.size() >= look_through_at_) {
    std::erase_if(enrolled_, [](const auto& each) { return each.expired(); });
    look_through_at_ = std::max<std::size_t>(64, 2 * enrolled_.size());
  }
  enrolled_.push_back(std::move(one));
}

void reactor::end(job last) {
  post([self = shared_from_this(), last = std::move(last)] {
    last();
    for (const auto& one : std::exchange(self->enrolled_, {}))
      if (auto there = one.lock()) there->end();
    std::lock_guard lock(self->mutex_);
    self->ended_ = true;
    self->io_.stop();
  });
}

void alarm::set(duration delay, reactor::job then) {
  call_off();
  then_ = std::make_shared<reactor::job>(std::move(then));
  timer_.expires_after(std::max(delay, duration(0)));
  timer_.async_wait([weak = std::weak_ptr(then_)](const boost::system::error_code& fault) {
    auto due = weak.lock();
    if (fault || !due || !*due) return;
    auto now = std::exchange(*due, nullptr);
    now();
  });
}

void alarm::call_off() noexcept {
  boost::system::error_code ignored;
  timer_.cancel(ignored);
  then_.reset();
}

}  // namespace kiln::redis_store
