#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plugins/stores/redis/keyed_store.hpp"
#include "plugins/stores/redis/node_finder.hpp"
#include "plugins/stores/redis/redis_connection.hpp"

namespace kiln::redis_store {

/// What a server says of its keys: keyspace events, heard over a connection of its own that is made again
/// when it breaks. On the thread of the reactor.
class keyspace_news : public std::enable_shared_from_this<keyspace_news> {
public:
  struct event {
    digest blob;
    bool is_there = false;
  };
  /// From now on all events are heard (true), or some may not have been (false).
  using trust = std::function<void(bool)>;
  using heard = std::function<void(std::vector<event>)>;

  keyspace_news(engine_ptr engine, key_names names, std::shared_ptr<node_finder> finder, trust trusted,
                heard hear);

  void start();
  void close();

private:
  void open(const server_address& to);
  void subscribe(const connection_ptr& over);
  void listen(const connection_ptr& over, const resp_reply& confirmed);
  void take(const resp_reply& said);
  void tell();
  void stay_in_touch();
  void lost(const error& why);

  const engine_ptr engine_;
  const key_names names_;
  const std::string pattern_;
  const std::shared_ptr<node_finder> finder_;
  const trust trusted_;
  const heard heard_;
  connection_ptr connection_;
  std::vector<event> untold_;
  alarm next_;
  bool closed_ = false;
  bool complained_ = false;
};

/// Whether a server's notify-keyspace-events tell all that is needed: FAILED_PRECONDITION says what to set.
expected<void> tells_enough(const resp_reply& config, const std::string& server);

}  // namespace kiln::redis_store
