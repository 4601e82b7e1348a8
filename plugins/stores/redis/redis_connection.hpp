#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plugins/stores/redis/greeting.hpp"
#include "plugins/stores/redis/redis_engine.hpp"
#include "plugins/stores/redis/redis_wire.hpp"
#include "plugins/stores/redis/resp_reader.hpp"
#include "plugins/stores/redis/server_address.hpp"

namespace kiln::redis_store {

/// What became of each command of a pipeline, in their order.
using replies = std::vector<expected<resp_reply>>;

/// One connection to one server. Commands are answered in the order in which they were sent, so it is a queue
/// of pipelines. On the thread of the reactor.
///
/// A server that owes answers and is silent for command_timeout is given up: all that was not answered fails
/// with DEADLINE_EXCEEDED. When the connection breaks, that is UNAVAILABLE. What was answered is good either
/// way.
class redis_connection final : public ends_with_reactor,
                               public std::enable_shared_from_this<redis_connection> {
public:
  using done = std::function<void(replies)>;
  using opened = std::function<void(expected<std::shared_ptr<redis_connection>>)>;

  /// Resolves, connects, encrypts and greets, all within connect_timeout. `then` is called once.
  static std::shared_ptr<redis_connection> open(engine_ptr engine, server_address to, greeting hello,
                                                opened then);
  ~redis_connection() override;

  /// All of them in one go, and nothing between. `then` is called once, never before this returns.
  void send(std::vector<resp_command> commands, done then);
  /// From now on it is a subscriber's: whatever comes goes there, but for the answer to PING.
  void listen(std::function<void(resp_reply)> hear) { hear_ = std::move(hear); }
  /// Once, when it is open and has come to its end.
  void on_end(std::function<void(const error&)> then) { ended_ = std::move(then); }
  void close(const error& why);
  void end() override { close({errc::unavailable, "the store has ended"}); }

  bool is_open() const noexcept { return state_ == state::open; }
  const std::string& name() const noexcept { return name_; }
  const server_address& address() const noexcept { return address_; }
  std::uint64_t bytes_in_flight() const noexcept { return in_flight_; }
  bool is_idle() const noexcept { return awaited_.empty(); }

private:
  enum class state : std::uint8_t { opening, open, closed };
  struct awaited {
    std::size_t wanted = 0;
    std::uint64_t size = 0;
    replies got;
    done then;
  };

  redis_connection(engine_ptr engine, server_address to, greeting hello, opened then);
  void start();
  void connect_to(std::vector<boost::asio::generic::stream_protocol::endpoint> where, std::size_t next);
  void encrypt(wire_socket connected);
  void greet();
  void give_up_opening(const error& why);
  void read();
  void took(std::size_t size);
  void deliver(resp_reply one);
  void write();
  void watch();
  void fail_awaited(const error& why);
  error broken(const std::string& how) const;

  const engine_ptr engine_;
  const server_address address_;
  const std::string name_;
  const greeting hello_;
  opened then_;
  std::shared_ptr<redis_connection> kept_;  ///< itself while it opens: nobody else may know it
  state state_ = state::opening;
  boost::asio::ip::tcp::resolver resolver_;
  std::unique_ptr<wire_socket> connecting_;
  std::unique_ptr<redis_wire> wire_;
  resp_reader reader_;
  std::vector<char> room_;
  std::deque<awaited> awaited_;
  std::uint64_t in_flight_ = 0;
  byte_chain unsent_;
  bool writing_ = false;
  steady_time progress_{};
  alarm silence_;
  bool watching_ = false;
  std::function<void(resp_reply)> hear_;
  std::function<void(const error&)> ended_;
};

using connection_ptr = std::shared_ptr<redis_connection>;

}  // namespace kiln::redis_store
