#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/base/byte_budget.hpp"
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

/// The other server: the way there, how it is to be asked, and until when. Any thread. All but the time is
/// shared by all that runs. A call may end after the store, and after what the process hands to its parts: so
/// it draws from a generator of its own.
class remote : public std::enable_shared_from_this<remote> {
public:
  /// Runs a job so much later. Whoever gives up drops the job.
  using timer = std::function<void(duration, std::function<void()>)>;

  remote(grpc_store_options options, std::string store_name, environment env, std::shared_ptr<channel> wire,
         timer later);

  /// The same, for an order whose asker waits until then: no call takes longer.
  std::shared_ptr<remote> until(const order_deadline& when);
  /// The server is told of this asker what it is not told of others: its call is its own.
  bool speaks_for(const order_deadline& asker) const;

  const grpc_store_options& options() const noexcept { return common_->options; }
  const environment& env() const noexcept { return common_->env; }
  const std::shared_ptr<thread_pool>& hashing() const noexcept { return common_->hashing; }

  /// One message there, one back, again while there are attempts.
  void ask(std::string method, byte_chain message, done<byte_chain> then);
  /// A call whose messages the caller handles.
  std::shared_ptr<outbound_call> start(std::string method, duration timeout);
  attempts new_attempts(duration timeout) const;
  void later(duration delay, std::function<void()> job) const { common_->later(delay, std::move(job)); }

  /// "asking grpc://... for store cas: ..."
  failure explain(const error& fault) const;

  // What the server can is asked for until it has said it once. Until then, the least is assumed.

  /// Memory for bytes that were sent already, so that an upload may go on; null while others have it all.
  std::shared_ptr<const void> room_to_go_on(std::uint64_t bytes) const;

  /// The largest message with a batch of blobs that suits both sides.
  std::uint64_t batch_limit();
  /// Both sides want zstd.
  bool speaks_zstd();
  /// The same for what is sent in batches.
  bool packs_batches();

private:
  static constexpr std::uint64_t most_sent_bytes = 128 << 20;
  class asking;
  struct common {
    const grpc_store_options options;
    const std::unique_ptr<random_source> random;
    const environment env;
    const std::string name;
    const std::shared_ptr<channel> wire;
    const timer later;
    const std::shared_ptr<thread_pool> hashing;
    std::atomic<std::uint64_t> batch_limit;
    std::atomic<bool> speaks_zstd = false;
    std::atomic<bool> packs_batches = false;
    std::atomic<bool> is_asked = false;
    byte_budget sent_bytes{most_sent_bytes};
  };
  void ask_what_it_can();
  remote(std::shared_ptr<common> shared, const order_deadline& until)
      : common_(std::move(shared)), until_(until), passed_on_(passed_on(until)) {}
  call_metadata passed_on(const order_deadline& from) const;
  outbound_request request(std::string method, duration timeout) const;
  static std::shared_ptr<common> begin(grpc_store_options options, std::string store_name,
                                       const environment& env, std::shared_ptr<channel> wire, timer later);

  const std::shared_ptr<common> common_;
  const steady_time until_ = steady_time::max();
  const call_metadata passed_on_;  ///< what the client said whose order this is
};

using remote_ptr = std::shared_ptr<remote>;

}  // namespace kiln::grpc_store
