#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/net/web_tries.hpp"
#include "core/observe/log_throttle.hpp"
#include "plugins/stores/s3/s3_engine.hpp"
#include "plugins/stores/s3/s3_key_chain.hpp"

namespace kiln::s3_store {

struct s3_order {
  std::string method;
  std::string key;
  s3_query query{};
  web_headers headers{};
  byte_chain body{};
  std::string body_hash{};  ///< SHA-256 in hexadecimal; may be left out where there is no body
};

/// Signed requests of one store, each tried again while that may help: after statuses of 5xx, SlowDown,
/// broken and silent connections. Any thread; continuations run on the web client's.
///
/// NOT_FOUND: there is no such object (or upload). PERMISSION_DENIED: the keys may not. FAILED_PRECONDITION:
/// what an operator has to mend. UNAVAILABLE, DEADLINE_EXCEEDED: it may work another time.
class s3_client : public std::enable_shared_from_this<s3_client> {
public:
  s3_client(engine_ptr engine, std::shared_ptr<s3_key_chain> keys);

  /// The whole answer, with at most `limit` bytes.
  void ask(s3_order order, steady_time until, std::size_t limit, done<web_answer> then);
  /// The answer's head, and the body as it comes: when that breaks, it is for the asker to go on.
  void open(s3_order order, steady_time until, done<web_reply> then);
  web_tries new_tries(steady_time until) const;

  const s3_engine& engine() const noexcept { return *engine_; }
  const s3_options& options() const noexcept { return engine_->options; }

private:
  class asking;

  /// A request is tried again. Any thread.
  void note_trouble(const error& why);

  const engine_ptr engine_;
  const std::shared_ptr<s3_key_chain> keys_;
  std::mutex mutex_;
  log_throttle throttle_;
};

/// What another answer than a good one means, and whether to try again.
struct s3_verdict {
  error fault;
  bool again = false;
  bool keys_are_old = false;
};
s3_verdict verdict_on(int status, const std::string& code, const std::string& host);

}  // namespace kiln::s3_store
