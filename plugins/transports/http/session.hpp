#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "plugins/transports/http/chunked_body.hpp"
#include "plugins/transports/http/request_head.hpp"
#include "plugins/transports/http/server_context.hpp"
#include "plugins/transports/http/wire.hpp"

namespace kiln::http_plugin {

class exchange;

/// One connection: requests one after the other, each with its answer before the next is looked at. Confined
/// to its executor, but for what says otherwise. Whatever is under way on the wire keeps it alive, and so
/// does its call.
class session : public std::enable_shared_from_this<session> {
public:
  using piece = expected<std::optional<byte_chain>>;

  session(std::shared_ptr<server_context> context, std::uint64_t id, std::unique_ptr<wire> on, executor place,
          std::string peer);
  ~session();

  void start();
  void end_if_idle();
  void cut();
  /// What was waited for has not come in time.
  void expire();
  /// Any thread.
  bool overdue(steady_time now) const noexcept;
  const executor& place() const noexcept { return place_; }
  server_context& context() const noexcept { return *context_; }
  bool lost() const noexcept { return lost_; }

  // For the exchange.

  /// The next piece of the request's body; `charge` is asked for its memory.
  void read_body(const std::shared_ptr<admitted_call>& charge, std::function<void(piece)> then);
  /// All of it, and then whether the client can have got it.
  void send(byte_chain what, std::function<void(bool)> then);
  /// The answer was given. `keep`: it was whole, and the client can tell its end. `well`: it was no refusal.
  void exchange_over(bool keep, bool well);

private:
  enum class phase : std::uint8_t { idle, head, exchange, lingering, closed };

  void next_request();
  void read_head();
  void take_head();
  void begin_exchange(request_head head);
  void refuse(const bad_request& why, bool reading = false);
  void expect_more(duration within);
  void expect_nothing() noexcept { read_until_ = never; }
  void watch_for_the_end();
  void lose();

  void fill_piece(const std::shared_ptr<struct body_piece>& into);
  void fill_chunk(const std::shared_ptr<struct body_piece>& into);
  void continue_then(std::function<void()> then);
  void discard_rest(std::uint64_t at_most);
  /// Until the client has gone, or for a while. `reading`: a read is under way, and is left alone.
  void linger(bool reading = false);
  void swallow(std::uint64_t left);

  static constexpr std::int64_t never = 0;

  const std::shared_ptr<server_context> context_;
  const std::uint64_t id_;
  const std::unique_ptr<wire> wire_;
  const executor place_;
  const std::string peer_;

  phase phase_ = phase::idle;
  std::string buffered_;  // came, and is not used
  request_parser parser_;
  std::shared_ptr<exchange> current_;
  bool keep_alive_ = false;
  bool watching_ = false;
  bool lost_ = false;

  // Of the body.
  bool puts_ = false;
  bool chunked_ = false;
  chunked_body chunks_;
  bool body_done_ = true;
  bool owes_continue_ = false;
  bool reading_body_ = false;
  std::uint64_t left_ = 0;

  std::atomic<std::int64_t> read_until_{never};  // of the steady clock
  std::atomic<std::int64_t> write_until_{never};
};

}  // namespace kiln::http_plugin
