#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "plugins/stores/redis/redis_engine.hpp"
#include "plugins/stores/redis/server_address.hpp"

namespace kiln::redis_store {

/// Where the server of a node is now. On the thread of the reactor.
class node_finder {
public:
  using found = std::function<void(expected<server_address>)>;

  virtual ~node_finder() = default;
  /// `then` is called once, perhaps at once.
  virtual void find(found then) = 0;
  /// What was found is not what it should be, or cannot be reached.
  virtual void was_wrong(const server_address& address) { static_cast<void>(address); }
};

/// One of these, another one whenever it was wrong.
std::shared_ptr<node_finder> find_among(std::vector<server_address> addresses);
/// Whom the sentinels at these addresses take for the master.
std::shared_ptr<node_finder> find_by_sentinels(engine_ptr engine, std::vector<server_address> sentinels);

}  // namespace kiln::redis_store
