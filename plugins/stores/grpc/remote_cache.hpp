#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/base/thread_pool.hpp"
#include "core/contract/transport.hpp"
#include "core/plugin/environment.hpp"
#include "plugins/stores/grpc/grpc_store_options.hpp"

namespace kiln::grpc_store {

/// Whoever waits for a T. Called once, on any thread, and must not block.
template <class T>
using done = std::function<void(expected<T>)>;

/// How often and when something that failed is tried again: only what may succeed later (UNAVAILABLE), so
/// often, and never past the deadline.
class attempts {
public:
  attempts(unsigned retries, duration first_delay, steady_time deadline)
      : left_(retries), delay_(first_delay), deadline_(deadline) {}

  /// How long to wait before the next one, or nothing if `fault` is final.
  std::optional<duration> after(const error& fault, const environment& env);
  duration time_left(const clock& time) const noexcept { return deadline_ - time.now(); }

private:
  unsigned left_;
  duration delay_;
  steady_time deadline_;
};

/// The other server: the way there, and how it is to be asked. Shared by all that runs; any thread. A call
/// may end after the store, and after what the process hands to its parts: so it draws from a generator of
/// its own.
class remote : public std::enable_shared_from_this<remote> {
public:
  /// Runs a job so much later. Whoever gives up drops the job.
  using timer = std::function<void(duration, std::function<void()>)>;

  remote(grpc_store_options options, std::string store_name, environment env, std::shared_ptr<channel> wire,
         timer later);

  const grpc_store_options& options() const noexcept { return options_; }
  const environment& env() const noexcept { return env_; }
  const std::shared_ptr<thread_pool>& hashing() const noexcept { return hashing_; }

  /// One message there, one back, again while there are attempts.
  void ask(std::string method, byte_chain message, done<byte_chain> then);
  /// A call whose messages the caller handles.
  std::shared_ptr<outbound_call> start(std::string method, duration timeout);
  attempts new_attempts(duration timeout) const;
  void later(duration delay, std::function<void()> job) const { later_(delay, std::move(job)); }

  /// "asking grpc://... for store cas: ..."
  failure explain(const error& fault) const;

  /// The largest message with a batch of blobs that suits both sides. Asks the server for its limit until it
  /// has said it once.
  std::uint64_t batch_limit();

private:
  class asking;
  outbound_request request(std::string method, duration timeout) const;

  const grpc_store_options options_;
  const std::unique_ptr<random_source> random_;
  const environment env_;
  const std::string name_;
  const std::shared_ptr<channel> wire_;
  const timer later_;
  const std::shared_ptr<thread_pool> hashing_;
  std::atomic<std::uint64_t> batch_limit_;
  std::atomic<bool> limit_asked_ = false;
};

using remote_ptr = std::shared_ptr<remote>;

}  // namespace kiln::grpc_store
