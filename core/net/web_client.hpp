#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/base/thread_pool.hpp"
#include "core/net/web_message.hpp"

namespace kiln {

struct web_client_options {
  std::size_t max_transfers = 64;    ///< at once, and as many connections
  std::size_t max_waiting = 10'000;  ///< for a transfer to end; more are refused
  duration connect_timeout = std::chrono::seconds(5);
  duration stall_timeout = std::chrono::seconds(30);  ///< without a byte; whole seconds
  duration park_after = std::chrono::seconds(5);      ///< an answer that nobody reads
  std::string proxy;                                  ///< a URL; the environment's are not used
  std::string certificate_bundle;                     ///< whom to trust, in place of whom the system does
};

class web_loop;

/// Asks other servers by HTTP, over connections that are kept: many transfers on one thread, with libcurl.
/// No redirect is followed. Any thread; continuations run on the client's own, and must not block. Whoever
/// drops the client ends all that is under way, with UNAVAILABLE.
///
/// UNAVAILABLE: no connection, or it broke, or was silent: a try later may end otherwise. DEADLINE_EXCEEDED:
/// `until` has come. RESOURCE_EXHAUSTED: too many wait. FAILED_PRECONDITION: the other side is not who it
/// says, or our own certificates cannot be read. What the status of an answer means is for the asker to say.
class web_client {
public:
  using job = std::function<void()>;
  template <class T>
  using done = std::function<void(expected<T>)>;

  /// `threads` has one, for this alone; `time` outlives the client.
  static expected<std::shared_ptr<web_client>> start(const web_client_options& options, const clock& time,
                                                     std::unique_ptr<thread_pool> threads);
  ~web_client();
  web_client(const web_client&) = delete;
  web_client& operator=(const web_client&) = delete;

  /// Hears of the head of the answer; the body comes as it is read.
  void send(web_order order, done<web_reply> then);
  /// Hears of the whole answer: RESOURCE_EXHAUSTED if its body has more than `limit` bytes.
  void ask(web_order order, std::size_t limit, done<web_answer> then);
  /// Ends it, while others still hold on to it, and waits for its thread. Any thread, more than once, but not
  /// several at a time.
  void end();
  /// On the client's thread; dropped if the client ends first.
  void post(job next);
  void later(duration delay, job next);

private:
  web_client(std::shared_ptr<web_loop> loop, std::unique_ptr<thread_pool> threads);

  const std::shared_ptr<web_loop> loop_;
  const std::unique_ptr<thread_pool> threads_;
};

}  // namespace kiln
