#pragma once

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "plugins/stores/redis/circuit_breaker.hpp"
#include "plugins/stores/redis/node_finder.hpp"
#include "plugins/stores/redis/pipeline.hpp"

namespace kiln::redis_store {

/// One server, or the master among several: its connections, what waits for them, and whether it is worth
/// asking. On the thread of the reactor.
///
/// Every pipeline is answered, by `until`, or after command_timeout without a turn; one under way by the
/// server's silence (redis_connection) and in the end by `longest_pipeline`.
class redis_node : public std::enable_shared_from_this<redis_node> {
public:
  redis_node(engine_ptr engine, std::string name, std::shared_ptr<node_finder> finder,
             greeting::demand wanted);

  void submit(pipeline what, outcome_then then);
  /// The server says that it is no master any more: what is under way goes on, what comes looks for another.
  void look_anew();
  /// Called when the server has begun to fail.
  void on_failure(std::function<void()> then) { failed_ = std::move(then); }
  /// Nothing comes any more, and what is there fails.
  void close(const error& why);

  const std::string& name() const noexcept { return name_; }
  bool is_failing() const noexcept { return breaker_.is_failing(); }

private:
  struct order {
    explicit order(reactor& of) : due(of) {}
    void answer(outcome what);
    void fail(const error& why);

    pipeline what;
    outcome_then then;
    alarm due;
    std::uint64_t size = 0;
    std::size_t commands = 0;
  };
  using order_ptr = std::shared_ptr<order>;

  bool has_room_for(const order& one) const;
  connection_ptr connection_for(const order& one);
  void enqueue(order_ptr one);
  void launch(const order_ptr& one, const connection_ptr& over);
  void pump();
  void retire_all();
  void dismiss_idle();
  void fail_waiting(const error& why);
  void grow();
  void connect();
  void opened(const server_address& to, expected<connection_ptr> fresh);
  void lost(const redis_connection* which, const error& why);
  void failed(const error& why);
  void try_later();

  const engine_ptr engine_;
  const std::string name_;
  const std::shared_ptr<node_finder> finder_;
  const greeting::demand wanted_;
  circuit_breaker breaker_;
  std::vector<connection_ptr> ready_;
  std::vector<connection_ptr> leaving_;  // they finish what they have
  std::weak_ptr<redis_connection> opening_;
  bool connecting_ = false;
  bool closed_ = false;
  unsigned attempts_ = 0;
  steady_time grow_after_{};
  std::list<order_ptr> waiting_;
  std::uint64_t waiting_bytes_ = 0;
  std::uint64_t bytes_ = 0;
  std::size_t commands_ = 0;
  alarm retry_;
  alarm opening_breaker_;
  std::function<void()> failed_;
};

using node_ptr = std::shared_ptr<redis_node>;

}  // namespace kiln::redis_store
