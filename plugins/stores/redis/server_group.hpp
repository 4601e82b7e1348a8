#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plugins/stores/redis/redis_node.hpp"
#include "plugins/stores/redis/slot_map.hpp"

namespace kiln::redis_store {

/// Where the one server is that takes writes: one of the endpoints, or whom the sentinels name.
std::shared_ptr<node_finder> finder_of(const engine_ptr& engine);

/// All servers that a store talks to, and which of them is responsible for a command: one node, or those of a
/// cluster. On the thread of the reactor.
class server_group : public std::enable_shared_from_this<server_group> {
public:
  explicit server_group(engine_ptr engine);

  /// Who is to be asked; of a cluster whose slots nobody has told so far, any node.
  node_ptr node_for(const resp_command& command);
  /// Of a cluster, the one at this address.
  node_ptr node_at(const server_address& address);
  /// A server has said that another one has the slot.
  void moved(const redirection& where);
  /// Asks the cluster for its slots; not more often than is useful.
  void refresh();
  void close(const error& why);

private:
  node_ptr make_node(std::string name, std::shared_ptr<node_finder> finder, greeting::demand wanted);
  void ask_for_slots(const node_ptr& whom);
  void forget_strangers();

  const engine_ptr engine_;
  node_ptr first_;  ///< the only one, or the first of a cluster that answers
  slot_map slots_;
  std::map<std::string, node_ptr> nodes_;  ///< of a cluster, by address
  bool asking_ = false;
  bool closed_ = false;
  alarm again_;
  bool may_ask_ = true;
};

}  // namespace kiln::redis_store
