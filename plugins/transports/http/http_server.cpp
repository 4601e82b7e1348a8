#include "plugins/transports/http/http_server.hpp"

#include <pthread.h>

#include <algorithm>
#include <chrono>

#include "core/base/machine.hpp"
#include "plugins/transports/http/tls_context.hpp"

namespace kiln::http_plugin {
namespace {

constexpr auto tick_length = std::chrono::milliseconds(100);

}  // namespace

expected<std::unique_ptr<http_server>> http_server::start(std::shared_ptr<server_context> where,
                                                          const router& routes, const tls_files& identity) {
  auto tls = make_tls_context(identity);
  if (!tls) return failure(std::move(tls).error());
  where->routes = &routes;
  where->tls = std::move(*tls);
  std::unique_ptr<http_server> started(new http_server(std::move(where)));
  if (auto listening = started->listen(); !listening) return failure(std::move(listening).error());
  return started;
}

http_server::http_server(std::shared_ptr<server_context> where)
    : context_(std::move(where)), ticker_(context_->io) {}

expected<void> http_server::listen() {
  acceptor::options wanted;
  wanted.thread = "http-accept";
  wanted.look = false;
  auto opened = acceptor::open(context_->options.listen, wanted, context_->time);
  if (!opened) return failure(std::move(opened).error());
  acceptor_ = std::move(*opened);
  start_threads();
  if (!context_->options.listen.empty())
    acceptor_->start([here = context_.get()](owned_socket fresh, spoken) { here->admit(fresh.release()); });
  return {};
}

void http_server::start_threads() {
  open_.emplace(context_->io.get_executor());
  tick();
  const std::size_t threads = context_->options.threads.value_or(std::clamp(processors() / 4, 1U, 8U));
  for (std::size_t i = 0; i < threads; ++i) {
    {
      std::lock_guard lock(mutex_);
      ++running_;
    }
    threads_.emplace_back([this] { work(); });
    pthread_setname_np(threads_.back().native_handle(), "http-io");
  }
}

std::vector<std::string> http_server::addresses() const {
  return acceptor_ ? acceptor_->addresses() : std::vector<std::string>();
}

void http_server::work() {
  for (bool more = true; more;) {
    try {
      context_->io.run();
      more = false;
    } catch (...) {  // NOLINT: what a handler throws ends that handler; others are served here, too
    }
  }
  std::lock_guard lock(mutex_);
  --running_;
  thread_ended_.notify_all();
}

void http_server::tick() {
  ticker_.expires_after(tick_length);
  ticker_.async_wait([this](const error_code& fault) {
    if (fault || ending_) return;
    context_->look_at_deadlines();
    bool cut = false;
    {
      std::lock_guard lock(farewell_->mutex);
      cut = context_->time.now() >= farewell_->cut_at;
    }
    if (cut) {
      context_->cut_all();
      farewell_->tell();
    }
    tick();
  });
}

void http_server::farewell::tell() {
  std::function<void()> then;
  {
    std::lock_guard lock(mutex);
    std::swap(then, closed);
  }
  if (then) then();
}

void http_server::close(duration patience, std::function<void()> closed) {
  context_->admitting->close();
  acceptor_->stop();
  {
    std::lock_guard lock(farewell_->mutex);
    farewell_->closed = std::move(closed);
    farewell_->cut_at = context_->time.now() + std::min<duration>(patience, std::chrono::hours(24 * 365));
  }
  context_->end_idle();
  // Not on the thread of whoever ends the last call.
  context_->admitting->when_empty(
      [here = context_, last = farewell_] { boost::asio::post(here->io, [last] { last->tell(); }); });
}

http_server::~http_server() {
  context_->admitting->close();
  if (acceptor_) acceptor_->stop();
  ending_ = true;
  open_.reset();
  {
    std::unique_lock lock(mutex_);
    // Again and again, for a session that was on its way in when all were cut.
    do {
      lock.unlock();
      context_->cut_all();
      lock.lock();
    } while (!thread_ended_.wait_for(lock, tick_length, [this] { return running_ == 0; }));
  }
  for (auto& thread : threads_) thread.join();
  context_->end();
  farewell_->tell();
}

}  // namespace kiln::http_plugin
