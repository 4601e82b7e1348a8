#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/system/configuration.hpp"
#include "actors/system/guardian.hpp"
#include "core/contract/lifecycle.hpp"
#include "core/contract/router.hpp"
#include "core/contract/scheduler_messages.hpp"
#include "core/contract/transport.hpp"
#include "core/plugin/environment.hpp"
#include "core/plugin/store_tree.hpp"

namespace caf {
class actor_system;
}

namespace kiln {

/// An address that a node listens to.
struct listener {
  std::string address;  ///< host:port or unix:/path
  protection protects = protection::none;
  bool for_workers = false;     ///< clients are not answered there
  std::string scheme = "grpc";  ///< "http" for who speaks that; there may be both at one address
};

/// A running node: everything that a configuration names, spawned and wired. It knows kinds, never names of
/// plugins. Confined to the thread that made it.
class assembly {
public:
  /// Spawns stores, services, scheduler and worker, and opens the listeners last. An error leaves nothing
  /// behind; it says which part could not be had. `in_vain` is called, on any thread, if it turns out later
  /// that the node can never do what it is for, and why.
  static expected<std::unique_ptr<assembly>> start(const configuration& wanted,
                                                   const plugin_registry& plugins, caf::actor_system& system,
                                                   const environment& env,
                                                   const std::function<void(const error&)>& in_vain = {});
  ~assembly();
  assembly(const assembly&) = delete;
  assembly& operator=(const assembly&) = delete;

  /// All that is listened to, what clients use first.
  std::vector<listener> listeners() const;
  /// Where clients of gRPC come in.
  std::vector<std::string> addresses() const;
  /// What clients may call: for who brings calls in by a way of their own.
  const router& client_routes() const noexcept;
  /// Null for a node without execution.
  scheduler_actor scheduler() const noexcept;
  /// Brings everything to rest, in the order of docs/ARCHITECTURE.md, when it is told begin_drain. The node
  /// must live until it has answered.
  drain_actor drain() const noexcept;
  /// Those it cannot be without: when one dies, the process ends.
  std::vector<guarded_actor> guarded() const;

private:
  struct parts;
  drain_actor plan_drain(caf::actor_system& system, duration patience) const;
  expected<void> open_listeners();
  explicit assembly(std::unique_ptr<parts> all);
  std::unique_ptr<parts> parts_;
};

}  // namespace kiln
