#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "plugins/transports/grpc/grpc_transport.hpp"

namespace kiln::test {

/// How long a test waits for what must happen. Far beyond what it takes: only a fault makes a test wait.
inline constexpr auto patience = std::chrono::seconds(60);

/// A place where one thread leaves things and another waits for them.
template <class T>
class mailbox {
public:
  void put(T thing) {
    std::lock_guard lock(mutex_);
    things_.push_back(std::move(thing));
    filled_.notify_all();
  }
  T take() {
    std::unique_lock lock(mutex_);
    if (!filled_.wait_for(lock, patience, [this] { return !things_.empty(); }))
      throw std::runtime_error("nothing came in a minute");
    T thing = std::move(things_.front());
    things_.pop_front();
    return thing;
  }
  bool empty() {
    std::lock_guard lock(mutex_);
    return things_.empty();
  }
  void clear() {
    std::lock_guard lock(mutex_);
    things_.clear();
  }

private:
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<T> things_;
};

/// A call that a handler got, and its message.
struct held_call {
  call_ptr call;
  byte_chain message;
};

using answer = expected<std::optional<byte_chain>>;

/// A client's call, step by step.
class client_call {
public:
  explicit client_call(std::shared_ptr<outbound_call> call) : call_(std::move(call)) {}

  bool write(std::string text) { return write(byte_chain(bytes::adopt(std::move(text)))); }
  bool write(byte_chain message) {
    auto kept = std::make_shared<mailbox<bool>>();
    call_->write(std::move(message), [kept](bool ok) { kept->put(ok); });
    return kept->take();
  }
  void writes_done() { call_->writes_done(); }
  answer read() {
    auto kept = std::make_shared<mailbox<answer>>();
    call_->read([kept](answer message) { kept->put(std::move(message)); });
    return kept->take();
  }
  /// The status after whatever messages still come.
  error end() {
    for (;;) {
      auto next = read();
      if (!next) return next.error();
      if (!*next) return {};
    }
  }
  void cancel() { call_->cancel(); }
  void drop() { call_.reset(); }

private:
  std::shared_ptr<outbound_call> call_;
};

grpc_plugin::grpc_options default_options();

/// A transport that serves a few methods under /kiln.test.Echo, and another that dials it.
class grpc_fixture {
public:
  /// `pools` is where the server's thread pools come from; null: they are real.
  explicit grpc_fixture(const std::function<void(grpc_plugin::grpc_options&)>& change = {},
                        thread_pool_source* pools = nullptr);

  std::unique_ptr<grpc_plugin::grpc_transport> make(const grpc_plugin::grpc_options& options);
  std::string address() const { return server->addresses().at(0); }
  client_call start(const std::string& method, std::optional<duration> timeout = {});
  expected<std::string> ask(const std::string& method, std::string message);
  /// Returns when the server holds no call any more.
  void await_no_calls();
  /// Calls that ended so, as the server's metrics say.
  std::uint64_t ended_with(errc status);

  metric_registry metrics;
  call_hooks hooks;  ///< of every transport that is made from now on
  router routes;
  mailbox<held_call> held;  ///< what came to /Hold and /HoldMany, which answer nothing themselves
  std::unique_ptr<grpc_plugin::grpc_transport> server;
  std::unique_ptr<grpc_plugin::grpc_transport> client;
  std::shared_ptr<channel> way;

private:
  thread_pool_source* const pools_;
};

}  // namespace kiln::test
